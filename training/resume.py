"""Keeps a training on disk, so that one that was stopped goes on as if it had not been."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch


class Stateful(Protocol):
    """A network, its mean or an optimiser."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that it has learnt."""

    def load_state_dict(self, state: dict[str, Any]) -> object:
        """Take that up again."""


def keep(path: Path, recipe: dict[str, Any], parts: Mapping[str, Stateful], progress: dict[str, Any]) -> None:
    """Write a training down; the old file stays whole until the new one is."""
    new = path.with_suffix(".new")
    states = {name: part.state_dict() for name, part in parts.items()}
    torch.save({"recipe": recipe, "states": states, "progress": progress}, new)
    new.replace(path)


def restore(path: Path, recipe: dict[str, Any], parts: Mapping[str, Stateful], device: torch.device) -> dict[str, Any]:
    """Give each part what it had learnt, and return the progress. SystemExit where there is none of this recipe."""
    if not path.is_file():
        raise SystemExit(f"--resume: there is no {path} to go on from")
    kept = torch.load(path, map_location=device, weights_only=True)
    if kept["recipe"] != recipe:
        raise SystemExit(f"--resume: {path} was begun with another recipe: {kept['recipe']}")
    for name, part in parts.items():
        part.load_state_dict(kept["states"][name])
    progress: dict[str, Any] = kept["progress"]
    return progress

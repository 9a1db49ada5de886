"""Saves a training at its checks, so that a stopped one continues to the same weights as an unbroken one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch


class Stateful(Protocol):
    """A network, the mean of its weights, or an optimiser."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> object: ...


def save_run(path: Path, recipe: dict[str, Any], parts: Mapping[str, Stateful], progress: dict[str, Any]) -> None:
    """Write the state of a training; the old file stays whole until the new one is."""
    new = path.with_suffix(".new")
    states = {name: part.state_dict() for name, part in parts.items()}
    torch.save({"recipe": recipe, "states": states, "progress": progress}, new)
    new.replace(path)


def load_run(path: Path, recipe: dict[str, Any], parts: Mapping[str, Stateful], device: torch.device) -> dict[str, Any]:
    """Load the state of each part and return the progress.

    Ends the program with one sentence if there is no such file, or if it belongs to another recipe.
    """
    if not path.is_file():
        raise SystemExit(f"--resume: {path} does not exist")
    saved = torch.load(path, map_location=device, weights_only=True)
    if saved["recipe"] != recipe:
        raise SystemExit(f"--resume: {path} was started with another recipe: {saved['recipe']}")
    for name, part in parts.items():
        part.load_state_dict(saved["states"][name])
    progress: dict[str, Any] = saved["progress"]
    return progress

"""What a program may ask: every parameter of a request is checked here, and what is wrong said in a sentence."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NoReturn

from aiohttp import web

from services.display.web.event_store import EventQuery
from shared.vision.corrections import MAX_ID

MOST_EVENTS = 1000  # in one answer
BODY_BYTES = 4096


def refuse(sentence: str) -> NoReturn:
    """Answer that the request is wrong, and why."""
    raise web.HTTPBadRequest(text=sentence)


def to_question(query: Mapping[str, str]) -> EventQuery:
    """Return which events a query asks for."""
    known = {"camera": to_text, "number": to_number, "since": to_seconds, "until": to_seconds}
    counts = {"before": to_count(0, MAX_ID), "limit": to_count(1, MOST_EVENTS)}
    return EventQuery(**check(query, known | counts))


def to_camera(query: Mapping[str, str]) -> str | None:
    """Return the camera that a query asks for, or None for all."""
    return check(query, {"camera": to_text}).get("camera")


def check(query: Mapping[str, str], parsers: Mapping[str, Callable[[str, str], Any]]) -> dict[str, Any]:
    """Return the values of a query's parameters; one that is unknown or given twice is refused."""
    for name in query:
        if name not in parsers and name != "token":
            refuse(f"there is no parameter {name[:40]!r}; there are {', '.join(parsers)}")
    if len(query) != len(set(query)):
        refuse("a parameter is given twice")
    return {name: parsers[name](name, text) for name, text in query.items() if name != "token"}


def to_text(name: str, text: str) -> str:
    """Return what may be a camera's name."""
    return text if 0 < len(text) <= 64 else refuse(f"{name} is a name of 1 to 64 characters")


def to_number(name: str, text: str) -> str:
    """Return a number's text."""
    is_number = text.isascii() and text.isdigit() and len(text) <= 64
    return text if is_number else refuse(f"{name} is 1 to 64 digits")


def to_seconds(name: str, text: str) -> float:
    """Return a time as seconds since 1970."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.timestamp()
    except (ValueError, OverflowError):
        pass
    refuse(f"{name} is a time of ISO 8601 with its zone, such as 2026-11-24T09:30:00Z")


def to_count(low: int, high: int) -> Callable[[str, str], int]:
    """Return a parser of whole numbers in a range."""

    def parse(name: str, text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 16 and low <= int(text) <= high):
            refuse(f"{name} is a whole number from {low} to {high}")
        return int(text)

    return parse


async def to_body(request: web.Request, fields: Mapping[str, type[Any]]) -> dict[str, Any]:
    """Return a request's JSON object, which has exactly these fields, of these types."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="the body is to be application/json")
    try:
        values = json.loads(await request.content.read(BODY_BYTES + 1))
    except (ValueError, RecursionError):
        refuse(f"the body is to be a JSON object of at most {BODY_BYTES} bytes")
    values = {name: to_whole(value) for name, value in values.items()} if isinstance(values, dict) else {}
    if {name: type(value) for name, value in values.items()} != fields:
        refuse("the body is to be an object with " + ", ".join(f"{n}: {kind.__name__}" for n, kind in fields.items()))
    return values


def to_whole(value: object) -> object:
    """Return a JSON value; 1.0 is a whole number there."""
    return int(value) if isinstance(value, float) and value.is_integer() else value

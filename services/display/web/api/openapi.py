"""The interface for programs, described in OpenAPI 3.1; what it says is checked against the answers in a test."""

from typing import Any

from services.display.web.api.recordings import ID, MOST_S
from services.display.web.explain.corrections import LABELS, MOST_LISTED
from services.display.web.explain.handler import MOST_PX
from services.display.web.requests import MOST_EVENTS
from shared.cameras.added_cameras import NAME_PATTERN as ADDED_NAME
from shared.cameras.added_cameras import SOURCE_PATTERN
from shared.pipeline import CameraState
from shared.vision.corrections import MAX_ID

Values = dict[str, Any]


def obj(**properties: Values) -> Values:
    """An object that has all of these properties and no other."""
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def listed(name: str, **more: Values) -> Values:
    """An object with a list of these."""
    return obj(**{f"{name.lower()}s": {"type": "array", "items": ref(name)}}, **more)


def ref(name: str) -> Values:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


TEXT: Values = {"type": "string"}
NAME: Values = {"type": "string", "minLength": 1, "maxLength": 64}
NUMBER: Values = {"type": "string", "pattern": "^[0-9]{1,64}$"}
TIME: Values = {"type": "string", "format": "date-time"}
MAYBE_TIME: Values = {"type": ["string", "null"], "format": "date-time"}
COUNT: Values = {"type": "integer", "minimum": 0}
AMOUNT: Values = {"type": "number", "minimum": 0}
MAYBE_AMOUNT: Values = {"type": ["number", "null"], "minimum": 0}
SHARE: Values = {"type": "number", "minimum": 0, "maximum": 1}
SHARES: Values = {"type": "array", "items": SHARE, "description": "of 0 to 9, then of no digit"}
PICTURE: Values = {"type": "string", "description": "a PNG or JPEG as a data: address"}
MAYBE_PICTURE: Values = {"type": ["string", "null"]}
PIXELS: Values = {"type": "number", "minimum": 0, "maximum": MOST_PX}
BOX: Values = {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4}
LABEL: Values = {"enum": list(LABELS), "description": "a digit, or none for what is no digit"}
NEXT_ID: Values = {"type": ["integer", "null"]}

SCHEMAS: Values = {
    "Error": obj(error=TEXT),
    "Camera": obj(
        name=TEXT,
        state={"enum": list(CameraState)},
        detail=TEXT,
        since=MAYBE_TIME,
        fps=AMOUNT,
        readings_per_s=AMOUNT,
        age_s=MAYBE_AMOUNT,
        added={"type": "boolean", "description": "by this interface; the others stand in CAMERAS"},
    ),
    "Reading": obj(
        camera=TEXT,
        seq=COUNT,
        captured_at=TIME,
        age_s=AMOUNT,
        outcome=TEXT,
        width=COUNT,
        height=COUNT,
        digits={"type": "array", "items": obj(digit={"type": "integer"}, confidence=SHARE, box=BOX)},
        numbers={"type": "array", "items": obj(text=NUMBER, confidence=SHARE, box=BOX)},
        fps=AMOUNT,
        readings_per_s=AMOUNT,
    ),
    "Event": obj(id=COUNT, camera=TEXT, number=NUMBER, appeared_at=TIME, left_at=MAYBE_TIME, confidence=SHARE),
    "Recording": obj(id=TEXT, state={"enum": ["running", "complete"]}, started_at=TIME, bytes=COUNT, url=TEXT),
    "Why": obj(
        words={"type": "array", "items": TEXT},
        is_said={"type": "boolean"},
        box={"type": ["array", "null"], "items": {"type": "number"}},
        evidence=obj(found=SHARES, read=SHARES, together=SHARES),
        crop=MAYBE_PICTURE,
        image=MAYBE_PICTURE,
        heat=PICTURE,
        layers={"type": "array", "items": obj(kind=TEXT, shape={"type": "array", "items": COUNT}, picture=PICTURE)},
        width=COUNT,
        height=COUNT,
        seen={"type": ["integer", "null"], "description": "by which a correction names what the reader saw there"},
        reader=obj(version=TEXT, is_learned={"type": "boolean"}),
    ),
    "Stage": obj(
        name=TEXT,
        workers=COUNT,
        frames_per_s=AMOUNT,
        age_p50_s=MAYBE_AMOUNT,
        age_p99_s=MAYBE_AMOUNT,
        batch=MAYBE_AMOUNT,
        busy=MAYBE_AMOUNT,
        waiting=MAYBE_AMOUNT,
        drops_per_s=MAYBE_AMOUNT,
    ),
    "Source": obj(source={"type": "string", "pattern": f"^({SOURCE_PATTERN})$"}),
    "Correction": obj(id=COUNT, camera=TEXT, at=TIME, label=LABEL, said=LABEL, image=PICTURE),
    "Truth": obj(seen={**COUNT, "maximum": MAX_ID}, label=LABEL),
    "Wish": obj(camera=NAME, seconds={"type": "integer", "minimum": 1, "maximum": MOST_S}),
}


def query(name: str, schema: Values, meaning: str) -> Values:
    """A parameter that may be in the address."""
    return {"name": name, "in": "query", "schema": schema, "description": meaning}


def in_path(name: str, schema: Values) -> Values:
    """A parameter that is part of the address."""
    return {"name": name, "in": "path", "required": True, "schema": schema}


def answers(good: int, meaning: str, kind: str, schema: Values | None, *errors: int) -> Values:
    """What a request may be answered with."""
    content = {"content": {kind: {"schema": schema or {}}}} if kind else {}
    failure = {"description": "Refused, and why", "content": {"application/json": {"schema": ref("Error")}}}
    return {str(good): {"description": meaning, **content}} | {str(code): failure for code in (400, 401, 403, *errors)}


def get(meaning: str, schema: Values, *parameters: Values, errors: tuple[int, ...] = ()) -> Values:
    """A question that is answered in JSON."""
    return {
        "summary": meaning,
        "parameters": [*parameters],
        "responses": answers(200, meaning, "application/json", schema, *errors),
    }


def fetch(meaning: str, kind: str, *parameters: Values, errors: tuple[int, ...] = ()) -> Values:
    """A question that is answered in another format."""
    return {"summary": meaning, "parameters": [*parameters], "responses": answers(200, meaning, kind, None, *errors)}


BY_CAMERA = query("camera", NAME, "only this camera")
A_NAME = in_path("name", {"type": "string", "pattern": f"^{ADDED_NAME}$"})
A_RECORDING = in_path("id", {"type": "string", "pattern": f"^{ID}$"})

DOCUMENT: Values = {
    "openapi": "3.1.0",
    "info": {"title": "digitcam", "version": "1", "description": "What handwritten digits the cameras see."},
    "paths": {
        "/api/cameras": {"get": get("Every camera, how it is and how fast it goes", listed("Camera"), errors=(409,))},
        "/api/cameras/{name}": {
            "put": {
                "summary": "Add a camera while it runs, or give one that was added another source",
                "parameters": [A_NAME],
                "requestBody": {"required": True, "content": {"application/json": {"schema": ref("Source")}}},
                "responses": answers(200, "It has another source", "application/json", ref("Camera"))
                | answers(201, "It is added", "application/json", ref("Camera"), 409, 415),
            },
            "delete": {
                "summary": "Take away a camera that was added",
                "parameters": [A_NAME],
                "responses": answers(204, "Done", "", None, 404, 409),
            },
        },
        "/api/stages": {"get": get("How fast, how late and how busy each stage of this machine is", listed("Stage"))},
        "/api/readings": {"get": get("The newest reading of each camera", listed("Reading"), BY_CAMERA)},
        "/api/events": {
            "get": get(
                "Numbers that came into sight and left it, the newest first",
                listed("Event", next=NEXT_ID),
                BY_CAMERA,
                query("number", NUMBER, "only this number"),
                query("since", TIME, "appeared at this time or later"),
                query("until", TIME, "appeared before this time"),
                query("before", {**COUNT, "maximum": MAX_ID}, "the page after this one: what `next` said"),
                query("limit", {"type": "integer", "minimum": 1, "maximum": MOST_EVENTS}, "at most so many; 100"),
                errors=(404,),
            )
        },
        "/api/stream": {
            "get": fetch(
                "Server-sent events as they come: reading, camera, appeared, left",
                "text/event-stream",
                BY_CAMERA,
                errors=(429,),
            )
        },
        "/api/cameras/{name}/snapshot.jpg": {
            "get": fetch(
                "The newest picture, with what was read on it unless it is to be plain",
                "image/jpeg",
                in_path("name", NAME),
                query("plain", {"type": "boolean"}, "as the camera gave it"),
                errors=(404, 409),
            )
        },
        "/api/cameras/{name}/why": {
            "get": get(
                "Why a place of the newest picture was read as it was",
                ref("Why"),
                in_path("name", NAME),
                query("x", PIXELS, "of the picture, from its left edge") | {"required": True},
                query("y", PIXELS, "of the picture, from its upper edge") | {"required": True},
                errors=(404, 409),
            )
        },
        "/api/corrections": {
            "get": get(
                "What people said that digits really were, the newest first",
                listed("Correction", next=NEXT_ID),
                query("before", {**COUNT, "maximum": MAX_ID}, "the page after this one: what `next` said"),
                query(
                    "limit",
                    {"type": "integer", "minimum": 1, "maximum": MOST_LISTED},
                    "at most so many; 100",
                ),
                errors=(409,),
            ),
            "post": {
                "summary": "Say what the reader really saw, for `digitcam learn`",
                "requestBody": {"required": True, "content": {"application/json": {"schema": ref("Truth")}}},
                "responses": answers(201, "It is kept", "application/json", ref("Correction"), 404, 409, 415, 429),
            },
        },
        "/api/corrections/{id}": {
            "delete": {
                "summary": "Forget a correction",
                "parameters": [in_path("id", {"type": "integer", "minimum": 0, "maximum": MAX_ID})],
                "responses": answers(204, "Done", "", None, 404, 409),
            }
        },
        "/api/recordings": {
            "get": get("Every film, the newest first", listed("Recording")),
            "post": {
                "summary": "Begin a film of a camera with what is read on it",
                "requestBody": {"required": True, "content": {"application/json": {"schema": ref("Wish")}}},
                "responses": answers(201, "It has begun", "application/json", ref("Recording"), 404, 415, 429),
            },
        },
        "/api/recordings/{id}.mp4": {
            "get": fetch("A film that is complete", "video/mp4", A_RECORDING, errors=(404, 409)),
        },
        "/api/recordings/{id}": {
            "delete": {
                "summary": "End a film that is being made, or delete one that is complete",
                "parameters": [A_RECORDING],
                "responses": answers(204, "Done", "", None, 404),
            }
        },
        "/api/openapi.json": {"get": get("This document", {"type": "object"})},
    },
    "components": {"schemas": SCHEMAS},
}

"""The OpenAPI 3.1 document of the API, made from the endpoints and their types."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from services.display.web.endpoint import JSON, Endpoint
from services.display.web.schema import Document, ErrorInfo

REFERENCE = "#/components/schemas/{name}"
COMMON_ERRORS = (400, 401, 403, 429)
BODY_ERRORS = (408, 413, 415)


def make_document(endpoints: Iterable[Endpoint]) -> Document:
    """Return the document that describes these endpoints."""
    endpoints = tuple(endpoints)
    models = [ErrorInfo, *(kind for e in endpoints for kind in (e.types.get("body"), e.result) if is_model(kind))]
    _, components = msgspec.json.schema_components(models, ref_template=REFERENCE)
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = describe_endpoint(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "digitcam", "version": "1", "description": "The handwritten digits that cameras see."},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{}, {"token": []}],
    }


def is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def describe_endpoint(endpoint: Endpoint) -> Document:
    """Return the OpenAPI operation of an endpoint."""
    body = endpoint.types.get("body")
    operation: Document = {
        "summary": (endpoint.handler.__doc__ or "").partition("\n")[0].rstrip("."),
        "parameters": [*describe_path(endpoint), *describe_query(endpoint.types.get("query"))],
        "responses": describe_responses(endpoint, {*COMMON_ERRORS, *(BODY_ERRORS if body else ()), *endpoint.errors}),
    }
    if body:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": refer_to(body)}}}
    return operation


def describe_path(endpoint: Endpoint) -> list[Document]:
    return [
        {"name": name, "in": "path", "required": True, "schema": msgspec.json.schema(endpoint.types[name])}
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]


def describe_query(kind: type[msgspec.Struct] | None) -> list[Document]:
    if kind is None:
        return []
    _, components = msgspec.json.schema_components([kind], ref_template=REFERENCE)
    model = components[kind.__name__]
    return [
        {"name": name, "in": "query", "required": name in model.get("required", ()), **split_schema(schema)}
        for name, schema in model["properties"].items()
    ]


def split_schema(schema: Mapping[str, Any]) -> Document:
    """Return description and schema of a parameter; None as a default means that it may be left out, not null."""
    schema = dict(schema)
    description = schema.pop("description", "")
    if "anyOf" in schema:
        schema = next(choice for choice in schema["anyOf"] if choice != {"type": "null"})
    return {"description": description, "schema": schema}


def describe_responses(endpoint: Endpoint, errors: Iterable[int]) -> Document:
    result = endpoint.result
    schema = refer_to(result) if is_model(result) else {}
    content = {} if result is type(None) else {"content": {endpoint.media_type: {"schema": schema}}}
    statuses = (204,) if result is type(None) else endpoint.statuses
    good = {str(status): {"description": HTTPStatus(status).phrase, **content} for status in statuses}
    refusal = {JSON: {"schema": refer_to(ErrorInfo)}}
    bad = {str(status): {"description": HTTPStatus(status).phrase, "content": refusal} for status in sorted(errors)}
    return good | bad


def refer_to(kind: type) -> Document:
    return {"$ref": REFERENCE.format(name=kind.__name__)}

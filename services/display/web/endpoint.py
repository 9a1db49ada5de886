"""Binds typed functions to addresses of the API: their type hints decide what a request may say.

A handler takes any of `query` and `body` (types of schema.py), `request` (aiohttp's), and the path parameters. It
returns a type of schema.py, None for "204 No Content", a pair of value and status, or an aiohttp response.
"""

import asyncio
import inspect
import zlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Any, NoReturn, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from services.display.web.schema import Model, NoQuery

JSON = "application/json"
BODY_BYTES = 4096
BODY_TIMEOUT_S = 5.0  # for all of the body

Handler = Callable[..., Coroutine[Any, Any, Any]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one address; the first line of the handler's docstring is its summary."""

    method: str
    path: str
    handler: Handler
    _: KW_ONLY
    statuses: tuple[int, ...] = (200,)  # of success
    errors: tuple[int, ...] = ()  # besides those that every endpoint may give
    media_type: str = JSON

    @property
    def types(self) -> dict[str, Any]:
        """The type of each parameter of the handler except the request."""
        hints = get_type_hints(self.handler, include_extras=True)
        return {name: hint for name, hint in hints.items() if name not in ("return", "request")}

    @property
    def result(self) -> Any:
        """The type of a successful response."""
        hint = get_type_hints(self.handler, include_extras=True)["return"]
        return get_args(hint)[0] if get_origin(hint) is tuple else hint

    def add_to(self, app: web.Application) -> None:
        """Register the endpoint."""
        types, takes_request = self.types, "request" in inspect.signature(self.handler).parameters
        query_type, body_type = types.pop("query", NoQuery), types.pop("body", None)
        has_query = query_type is not NoQuery

        async def handle(request: web.Request) -> web.StreamResponse:
            arguments = {name: convert(request.match_info[name], hint, name) for name, hint in types.items()}
            query = read_query(request.query, query_type)
            arguments |= {"query": query} if has_query else {}
            arguments |= {"body": await read_body(request, body_type)} if body_type else {}
            arguments |= {"request": request} if takes_request else {}
            return self.to_response(await self.handler(**arguments))

        app.router.add_route(self.method, self._route(), handle)

    def _route(self) -> str:
        """Return the path for aiohttp with the patterns of its parameters: any other text is not found."""
        route = self.path
        for name, hint in self.types.items():
            for meta in getattr(hint, "__metadata__", ()):
                if meta.pattern:
                    route = route.replace(f"{{{name}}}", f"{{{name}:{meta.pattern.strip('^$')}}}")
        return route

    def to_response(self, value: Any) -> web.StreamResponse:
        """Return the response for a handler's result."""
        if isinstance(value, web.StreamResponse):
            return value
        value, status = value if isinstance(value, tuple) else (value, self.statuses[0])
        if value is None:
            return web.Response(status=204)
        return web.Response(body=msgspec.json.encode(value), status=status, content_type=JSON)


def read_query(given: Mapping[str, str], kind: type[Model]) -> Model:
    """Return the parameters of a query string; a parameter that is unknown or given twice is refused."""
    values = {name: value for name, value in given.items() if name != "token"}  # access.py has checked the token
    if len(given) != len(set(given)):
        refuse("a parameter is given twice")
    query = convert(values, kind)
    for name, text in values.items():
        value = getattr(query, name)
        # convert() takes "null" for None, and a number for seconds since 1970
        if value is None or (isinstance(value, datetime) and ":" not in text):
            refuse(f"{name}: {text} is not a valid value")
    return query


async def read_body(request: web.Request, kind: type[Model]) -> Model:
    """Return a request's JSON body."""
    if request.content_type != JSON:
        raise web.HTTPUnsupportedMediaType(text=f"the content type of the body must be {JSON}")
    try:
        values = msgspec.json.decode(await read_bytes(request))
        if isinstance(values, dict):  # JSON Schema takes 1.0 for an integer, msgspec does not
            values = {n: int(v) if isinstance(v, float) and v.is_integer() else v for n, v in values.items()}
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        refuse(describe(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        refuse("the body is not JSON")


async def read_bytes(request: web.Request) -> bytes:
    """Return a request's body. Raises HTTPRequestTimeout if the client is slow, HTTPBadRequest if it breaks off."""
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text=f"the body did not come within {BODY_TIMEOUT_S:.0f} s") from None
    except (web.RequestPayloadError, HttpProcessingError, zlib.error):
        refuse("the body is broken")


def convert(value: Any, kind: type[T], name: str = "") -> T:
    """Return text from an address as a type; refused if it is not of that type."""
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        refuse(describe(error, name))


def describe(error: msgspec.ValidationError, name: str = "") -> str:
    """Return "limit: expected int >= 1" for msgspec's "Expected `int` >= 1 - at `$.limit`"."""
    message, _, place = str(error).replace("`", "").partition(" - at $.")
    message = message.removeprefix("Object ").removeprefix("contains ")
    return ": ".join(filter(None, (place or name, message[:1].lower() + message[1:])))


def refuse(sentence: str) -> NoReturn:
    """Answer that the request is wrong, and why."""
    raise web.HTTPBadRequest(text=f"{sentence} (see /api/docs)")

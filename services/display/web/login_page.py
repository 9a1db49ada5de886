"""The page that asks for a token. It needs no script."""

from html import escape
from pathlib import Path
from string import Template

from aiohttp import web

LOGIN = "/login"
PAGE = Template(Path(__file__).with_name("login.html").read_text(encoding="utf-8"))


def render_login(message: str = "", path: str = "/", status: int = 200) -> web.Response:
    """Return the page with a message above the form; path is where it leads."""
    text = PAGE.substitute(message=escape(message), hidden="" if message else "hidden", path=escape(path))
    response = web.Response(text=text, status=status, content_type="text/html", charset="utf-8")
    response.headers["Referrer-Policy"] = "same-origin"  # without a referrer a form has no origin either
    return response

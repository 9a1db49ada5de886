"""Finds and opens the inputs of `digitcam read`: files, folders, web addresses and standard input."""

import os
import shutil
import stat
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from http.client import HTTPException
from pathlib import Path
from ssl import SSLError
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, NamedTuple, cast
from urllib.error import HTTPError, URLError

from yarl import URL

from shared.cameras.file_types import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from shared.settings import is_loopback
from shared.vision.image_files import explain_error, open_file

STDIN = "-"
IN_MEMORY_BYTES = 64_000_000  # more goes to a temporary file
TIMEOUT_S = 15.0  # until a server's next bytes


class InputFile(NamedTuple):
    """A file, an address or standard input; or what was wrong with a folder."""

    path: str
    error: str = ""


def find_inputs(words: Iterable[str], skipped: list[str]) -> Iterator[InputFile]:
    """Yield what the words name, a folder with all files in it; files of other kinds in folders go to `skipped`."""
    for word in words:
        if word == STDIN or "://" in word or not os.path.isdir(word):  # noqa: PTH112 - Path("") is a folder
            yield InputFile(word)
            continue
        errors: list[OSError] = []
        files = [Path(folder) / name for folder, _, names in os.walk(word, onerror=errors.append) for name in names]
        yield from (InputFile(str(error.filename), explain_error(error)) for error in errors)
        pictures = sorted(file for file in files if file.suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES)
        skipped += sorted(str(file) for file in set(files).difference(pictures))
        yield from (InputFile(str(file)) for file in pictures)
        if not pictures and not errors:
            yield InputFile(word, "there is no photo or video in this folder")


def open_input(word: str) -> BinaryIO:
    """Open a file, an address or standard input, so that it can be read twice. Raises ValueError in one sentence."""
    if word == STDIN:
        if sys.stdin is None or sys.stdin.isatty():  # None: it is closed
            raise ValueError("nothing is sent to standard input: digitcam read - < photo.jpg")
        return spool(sys.stdin.buffer)
    if "://" in word:
        return open_address(word)
    file = open_file(Path(word))
    if not stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
        return file
    with file:
        return spool(file)


def open_address(url: str) -> BinaryIO:
    """Download a file. Raises ValueError in one sentence."""
    try:
        address = URL(url.strip())  # with spaces and letters such as ä escaped, as browsers do
    except ValueError as error:
        raise ValueError(f"this address can't be understood ({error})") from error
    if address.scheme not in ("http", "https", "file"):
        raise ValueError(f"it takes http://... and https://...; a camera is read by CAMERAS={url} honcho start")
    # a proxy can't reach this machine
    proxies = [urllib.request.ProxyHandler({})] if is_loopback(address.host or "") else []
    opener = urllib.request.build_opener(*proxies, *make_logins(address))
    try:
        with opener.open(make_request(address), timeout=TIMEOUT_S) as answer:
            kind = answer.headers.get_content_type()
            if kind == "multipart/x-mixed-replace":
                raise ValueError(f"this is a camera, not a file: CAMERAS={url} honcho start")
            if kind == "text/html":
                raise ValueError("this address answers with a web page, not with a picture")
            return spool(answer)
    except HTTPError as error:
        with error:
            raise ValueError(explain_status(error, address)) from error
    except URLError as error:
        if isinstance(error.reason, SSLError):
            raise ValueError(f"no safe connection is possible: {error.reason.reason}") from error
        raise ValueError(f"the server can't be reached ({error.reason})") from error
    except (OSError, HTTPException) as error:
        raise ValueError(f"the download broke off ({error})") from error


def explain_status(error: HTTPError, address: URL) -> str:
    """Return in one sentence why a server refused."""
    if error.code == 401:
        return "it refuses this user or password" if address.user else "it wants a login: http://user:password@..."
    if 300 <= error.code < 400:
        return "this address redirects in a circle, or to what is no web address"
    return f"the server answers {error.code} {error.reason}"


def make_logins(address: URL) -> list[urllib.request.BaseHandler]:
    """Return what answers a server that asks for the login, Basic or Digest; no other host gets it by a redirect."""
    if not address.user:
        return []
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    own = [f"{address.scheme}://{address.host_port_subcomponent}", f"https://{address.host_subcomponent}"]
    passwords.add_password(None, own, address.user, address.password or "")
    return [urllib.request.HTTPBasicAuthHandler(passwords), urllib.request.HTTPDigestAuthHandler(passwords)]


def make_request(address: URL) -> urllib.request.Request:
    """Return the request for an address; urllib does not understand a login in it."""
    headers = {"User-Agent": "digitcam"}
    url = str(address.with_user(None).with_fragment(None)) if address.host else str(address)
    return urllib.request.Request(url, headers=headers)  # noqa: S310


def spool(source: BinaryIO) -> BinaryIO:
    """Return a copy of a stream that can be read twice."""
    copy = SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 - its reader closes it
    shutil.copyfileobj(source, copy)
    copy.seek(0)
    return cast("BinaryIO", copy)

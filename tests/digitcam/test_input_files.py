"""Files, folders, addresses and pipes are found and opened, or a sentence says why not."""

import hashlib
import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from digitcam.input_files import InputFile, find_inputs, open_input

ANSWERS = {
    "/photo": (200, "image/jpeg", b"photo"),
    "/page": (200, "text/html", b"<html>log in</html>"),
    "/cam": (200, "multipart/x-mixed-replace; boundary=x", b"--x"),
    "/gone": (404, "text/plain", b""),
    "/circle": (302, "text/plain", b""),
    "/elsewhere": (302, "text/plain", b""),
    "/a%20r%C3%A4um.jpg": (200, "image/jpeg", b"photo"),
}

LOCATIONS = {"/circle": "/circle", "/elsewhere": "http://localhost:{}/login"}
CHALLENGES = {"/login": 'Basic realm="cam"', "/digest": 'Digest realm="cam", nonce="nonce"'}


class Handler(BaseHTTPRequestHandler):
    """Answers from the table; /login and /digest only to user:p@ss."""

    def do_GET(self) -> None:
        is_allowed = self.headers["Authorization"] == "Basic dXNlcjpwQHNz" or self.has_digest()
        login = (200, "image/jpeg", b"photo") if is_allowed else (401, "text/plain", b"")
        code, kind, body = login if self.path in CHALLENGES else ANSWERS[self.path]
        self.send_response(code)
        self.send_header("Content-Type", kind)
        if code == 401:
            self.send_header("WWW-Authenticate", CHALLENGES[self.path])
        if code == 302:
            self.send_header("Location", LOCATIONS[self.path].format(self.headers["Host"].rpartition(":")[2]))
        self.end_headers()
        self.wfile.write(body)

    def has_digest(self) -> bool:
        """Return whether the request has the Digest login."""
        fields = dict(re.findall(r'(\w+)="?([^",]*)"?', self.headers["Authorization"] or ""))
        secret, target = (
            hashlib.md5(text, usedforsecurity=False).hexdigest() for text in (b"user:cam:p@ss", b"GET:/digest")
        )
        right = hashlib.md5(f"{secret}:nonce:{target}".encode(), usedforsecurity=False).hexdigest()
        return fields.get("response") == right

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A web server on this machine; a proxy that does not exist is set for all others."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        yield f"127.0.0.1:{web.server_port}"
        web.shutdown()
        thread.join()


@pytest.mark.parametrize("login", ["user:wrong@{}/login", "user:wrong@{}/digest", "user:p%40ss@{}/elsewhere"])
def test_login_that_is_wrong_or_for_another_host_is_refused(server: str, login: str) -> None:
    with pytest.raises(ValueError, match="it refuses this user or password"):
        open_input("http://" + login.format(server))


@pytest.mark.parametrize(
    "address",
    ["{}/photo", "user:p%40ss@{}/login", "user:p%40ss@{}/digest", "{}/a räum.jpg", "{}/a%20r%C3%A4um.jpg"],
)
def test_address_is_downloaded_without_a_proxy_if_it_is_this_machine(server: str, address: str) -> None:
    with open_input("http://" + address.format(server)) as file:
        assert file.read() == b"photo"
        file.seek(0)
        assert file.read() == b"photo"


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/gone", "the server answers 404 Not Found"),
        ("/login", "it wants a login"),
        ("/digest", "it wants a login"),
        ("/circle", "this address redirects in a circle"),
        ("/page", "a web page, not with a picture"),
        ("/cam", "this is a camera, not a file: CAMERAS=http://127.0.0.1:"),
    ],
)
def test_answer_that_is_no_file_is_named(server: str, path: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        open_input(f"http://{server}{path}")


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("http://127.0.0.1:1/a.jpg", "the server can't be reached"),
        ("http://[1/a.jpg", "this address can't be understood"),
        ("http://127.0.0.1:99999/a.jpg", "this address can't be understood"),
        ("rtsp://127.0.0.1/live", "it takes http://... and https://...; a camera is read by CAMERAS=rtsp://"),
        ("none.jpg", "there is no such file"),
        ("x" * 300 + ".jpg", "the name is too long for a file"),
        ("a\0b.jpg", "."),
        ("/dev/null", "this is a device, not a file"),
        (__file__ + "/a.jpg", "there is no such file"),
    ],
)
def test_what_can_not_be_opened_is_one_sentence(word: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        open_input(word)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX")
def test_forbidden_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may open anything
    with pytest.raises(ValueError, match="you have no right to read it"):
        open_input(str(tmp_path / "a.jpg"))


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX")
def test_pipe_can_be_read_twice(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"photo",))
    writer.start()
    with open_input(str(pipe)) as file:
        assert file.read() == b"photo"
        file.seek(0)
        assert file.read() == b"photo"
    writer.join()


def test_closed_standard_input_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(ValueError, match="nothing is sent to standard input"):
        open_input("-")


def test_folder_gives_its_pictures_and_names_what_it_leaves_out(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.heic", "c.ts", "d.gif", "notes.txt", ".DS_Store"):
        (tmp_path / name).touch()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "e.avif").touch()
    skipped: list[str] = []
    found = [Path(entry.path).name for entry in find_inputs([str(tmp_path)], skipped)]
    assert found == ["a.heic", "b.JPG", "c.ts", "d.gif", "e.avif"]
    assert [Path(path).name for path in skipped] == [".DS_Store", "notes.txt"]


def test_folder_that_can_not_be_listed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").touch()
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)  # root may list anything
    found = list(find_inputs([str(tmp_path)], []))
    assert found == [
        InputFile(str(tmp_path / "closed"), "you have no right to read it"),
        InputFile(str(tmp_path / "a.jpg")),
    ]


def test_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    (entry,) = find_inputs([str(tmp_path)], [])
    assert entry == InputFile(str(tmp_path), "there is no photo or video in this folder")

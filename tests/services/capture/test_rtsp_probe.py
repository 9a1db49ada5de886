"""The reason why an RTSP camera can't be read, asked from a server on this machine."""

import hashlib
import re
import socket

import pytest

from services.capture.rtsp_probe import explain_rtsp
from shared.cameras.address import parse_address
from shared.cameras.problems import CameraAbsentError, CameraProblem
from tests.services.capture.http_server import Serve, serve_http

VIDEO = "RTSP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nm=video 0"
SOUND = "RTSP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nm=audio 0"
BASIC = 'RTSP/1.0 401 No\r\nWWW-Authenticate: Basic realm="cam"\r\n\r\n'
DIGEST = 'RTSP/1.0 401 No\r\nWWW-Authenticate: Digest realm="cam", nonce="n"\r\n\r\n'
SHA_256 = 'RTSP/1.0 401 No\r\nWWW-Authenticate: Digest realm="cam", nonce="n", algorithm=SHA-256\r\n\r\n'


def guard(challenge: str) -> Serve:
    def is_allowed(request: str) -> bool:
        if "Authorization: Basic bWU6cEBzcw==" in request:
            return True
        fields = dict(re.findall(r'(\w+)="([^"]*)"', request))
        make = hashlib.sha256 if "SHA-256" in challenge else hashlib.md5
        parts = [f"me:cam:{'p@ss'}", f"DESCRIBE:{fields.get('uri')}"]
        secret, target = (make(text.encode()).hexdigest() for text in parts)
        return fields.get("response") == make(f"{secret}:n:{target}".encode()).hexdigest()

    def serve(connection: socket.socket, request: str) -> None:
        connection.sendall((SOUND if is_allowed(request) else challenge).encode())

    return serve


def explain(serve: Serve, login: str = "") -> CameraProblem:
    with serve_http(serve) as host:
        return explain_rtsp(parse_address(f"rtsp://{login}{host}/live")).problem


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("RTSP/1.0 404 Not Found\r\n\r\n", CameraProblem.NOT_FOUND),
        ("RTSP/1.0 453 Not Enough Bandwidth\r\n\r\n", CameraProblem.BUSY),
        ("RTSP/1.0 500 Oops\r\n\r\n", CameraProblem.STATUS),
        ("HTTP/1.0 400 Bad Request\r\n\r\n", CameraProblem.NO_ANSWER),
        ("", CameraProblem.NO_ANSWER),
        (SOUND, CameraProblem.NO_VIDEO),
        (VIDEO, CameraProblem.UNREADABLE),
    ],
)
def test_reason_is_what_the_camera_answered(answer: str, problem: CameraProblem) -> None:
    assert explain(lambda connection, request: connection.sendall(answer.encode())) == problem


@pytest.mark.parametrize("challenge", [BASIC, DIGEST, SHA_256])
def test_missing_wrong_and_right_logins_are_told_apart(challenge: str) -> None:
    assert explain(guard(challenge)) == CameraProblem.NEEDS_LOGIN
    assert explain(guard(challenge), "me:wrong@") == CameraProblem.WRONG_LOGIN
    assert explain(guard(challenge), "me:p%40ss@") == CameraProblem.NO_VIDEO


def test_reason_of_a_failed_connection_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert explain_rtsp(parse_address(f"rtsp://127.0.0.1:{port}/")).problem == CameraProblem.REFUSED
    assert explain_rtsp(parse_address("rtsp://no-such-camera.invalid/")).problem == CameraProblem.NAME_UNKNOWN


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("rtsp://me:p/w@10.0.0.7/live", CameraProblem.UNESCAPED),
        ("rtsp://me:p#w@10.0.0.7/live", CameraProblem.UNESCAPED),
        ("rtsp://10.0.0.7:port/live", CameraProblem.BAD_ADDRESS),
        ("rtsp://:554/live", CameraProblem.BAD_ADDRESS),
    ],
)
def test_address_that_cannot_be_understood_is_explained(url: str, problem: CameraProblem) -> None:
    with pytest.raises(CameraAbsentError) as error:
        parse_address(url)
    assert error.value.problem == problem


def test_password_may_contain_characters_that_are_unambiguous() -> None:
    address = parse_address("rtsp://me:a@b:c%@10.0.0.7/live?x=1#2")
    assert (address.user, address.password, address.host, address.path) == ("me", "a@b:c%", "10.0.0.7", "/live?x=1#2")
    assert address.url_with_login == "rtsp://me:a%40b%3Ac%25@10.0.0.7:554/live?x=1#2"

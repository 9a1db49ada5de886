"""RTSP cameras: the reason when there is no video, asked from a server on this machine."""

import re
import socket

import pytest

from services.capture.network import read_network_camera
from shared.cameras.address import parse_address
from shared.cameras.pace import Pace
from shared.cameras.problems import CameraAbsentError, CameraProblem
from tests.services.capture.http_server import Serve, serve_http


def camera(answer: str) -> Serve:
    """Return an RTSP camera that gives this answer to DESCRIBE."""

    def serve(connection: socket.socket, request: str) -> None:
        while number := re.search(r"CSeq: (\d+)", request):
            status, _, rest = ("200 OK\r\n\r\n" if request.startswith("OPTIONS") else answer).partition("\r\n")
            connection.sendall(f"RTSP/1.0 {status}\r\nCSeq: {number[1]}\r\n{rest}".encode())
            request = connection.recv(4096).decode()

    return serve


def why_absent(url: str) -> CameraProblem:
    with pytest.raises(CameraAbsentError) as error:
        next(read_network_camera(url, Pace()))
    return error.value.problem


@pytest.mark.parametrize(
    ("answer", "login", "problem"),
    [
        ("404 Not Found\r\n\r\n", "", CameraProblem.NOT_FOUND),
        ("403 Forbidden\r\n\r\n", "", CameraProblem.FORBIDDEN),
        ("503 Service Unavailable\r\n\r\n", "", CameraProblem.BUSY),
        ('401 No\r\nWWW-Authenticate: Basic realm="cam"\r\n\r\n', "", CameraProblem.NEEDS_LOGIN),
        ('401 No\r\nWWW-Authenticate: Basic realm="cam"\r\n\r\n', "me:x@", CameraProblem.WRONG_LOGIN),
        ('401 No\r\nWWW-Authenticate: Digest realm="cam", nonce="n"\r\n\r\n', "me:x@", CameraProblem.WRONG_LOGIN),
    ],
)
def test_reason_is_what_the_camera_answered(answer: str, login: str, problem: CameraProblem) -> None:
    with serve_http(camera(answer)) as host:
        assert why_absent(f"rtsp://{login}{host}/live") == problem


def test_reason_of_a_failed_connection_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert why_absent(f"rtsp://127.0.0.1:{port}/") == CameraProblem.REFUSED
    assert why_absent("rtsp://no-such-camera.invalid/") == CameraProblem.NAME_UNKNOWN


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
    assert why_absent(url) == problem


def test_password_may_contain_characters_that_are_unambiguous() -> None:
    address = parse_address("rtsp://me:a@b:c%@10.0.0.7/live?x=1#2")
    assert (address.user, address.password, address.host, address.path) == ("me", "a@b:c%", "10.0.0.7", "/live?x=1#2")
    assert address.url_with_login == "rtsp://me:a%40b%3Ac%25@10.0.0.7:554/live?x=1#2"
    assert parse_address("rtsp://[fe80::1%25eth0]/1").url == "rtsp://[fe80::1%eth0]:554/1"
    assert parse_address("rtsp://:secret@10.0.0.7/1").url_with_login == "rtsp://:secret@10.0.0.7:554/1"

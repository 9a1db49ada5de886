"""Cameras over HTTP: every framing that browsers show, snapshots, logins, and the reason when there is no video."""

import hashlib
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings
from io import BytesIO
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray
from PIL import Image
from prometheus_client import REGISTRY

from digitcam.certificate import ensure_certificate
from services.capture.frames import to_jpeg
from services.capture.http_camera import OtherVideoError
from services.capture.network import read_network_camera
from services.capture.sources import open_source
from shared.cameras.camera_list import Camera, SourceKind
from shared.cameras.pace import Pace
from shared.cameras.problems import CameraAbsentError, CameraProblem
from shared.pipeline import DropReason, Stage
from tests.services.capture.http_server import Serve, serve_http
from tests.shared.vision.hostile_jpegs import add_scans

ROOT = Path(__file__).parents[3]
PIXELS = [np.full((48, 64, 3), shade, np.uint8) for shade in (40, 120, 200)]
JPEGS = [cv2.imencode(".jpg", pixels)[1].tobytes() for pixels in PIXELS]
PNGS = [cv2.imencode(".png", pixels)[1].tobytes() for pixels in PIXELS]
PNG_CONTENT = int.from_bytes(PNGS[0][33:37])  # bytes of the first chunk of pixels
OK = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
PASSWORD = "p@ss/w#rd:1%"  # noqa: S105 - of no real camera
ESCAPED = "p%40ss%2Fw%23rd%3A1%25"


def part(image: bytes, head: str = "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n") -> bytes:
    return head.format(len(image)).encode() + image + b"\r\n"


def send(*pieces: bytes) -> Serve:
    return lambda connection, request: connection.sendall(b"".join(pieces))


def read(serve: Serve, login: str = "", count: int = 3) -> list[bytes]:
    with serve_http(serve) as host:
        frames = read_network_camera(f"http://{login}{host}/cam", Pace(), poll_hz=100)
        try:
            return [frame.jpeg for frame in islice(frames, count)]
        finally:
            frames.close()


def why_absent(serve: Serve, login: str = "") -> CameraProblem:
    with pytest.raises(CameraAbsentError) as error:
        read(serve, login)
    assert PASSWORD not in str(error.value)
    return error.value.problem


STREAMS = {
    "as it should be": [OK, *map(part, JPEGS)],
    "without a boundary before the first part": [OK, part(JPEGS[0], "\r\n"), *map(part, JPEGS[1:])],
    "with an unknown type": [OK, *(part(jpeg, "--frame\r\nContent-Type: image/jpg\r\n\r\n") for jpeg in JPEGS)],
    "with a wrong length": [OK, *(part(jpeg, "--frame\r\nContent-Length: 99\r\n\r\n") for jpeg in JPEGS)],
    "without dashes": [OK, *(part(jpeg, "frame\r\n\r\n") for jpeg in JPEGS)],
    "with text between its parts": [OK, *(b"\r\ntext\r\n" + part(jpeg) for jpeg in JPEGS)],
    "without parts": [OK, *JPEGS],
    "without carriage returns": [OK.replace(b"\r", b""), *map(part, JPEGS)],
    "without a content type": [b"HTTP/1.0 200 OK\r\n\r\n", *map(part, JPEGS)],
    "called a page": [OK.replace(b"multipart/x-mixed-replace; boundary=frame", b"text/html"), *map(part, JPEGS)],
    "with another status": [OK.replace(b"200 OK", b"206 Partial Content"), *map(part, JPEGS)],
    "called video": [b"HTTP/1.0 200 OK\r\nContent-Type: video/x-mjpeg\r\n\r\n", *JPEGS],
}


@pytest.mark.parametrize("kind", STREAMS)
def test_stream_is_read(kind: str) -> None:
    assert read(send(*STREAMS[kind])) == JPEGS


def test_png_parts_are_read_as_jpegs() -> None:
    decoded = [simplejpeg.decode_jpeg(jpeg, "GRAY").mean() for jpeg in read(send(OK, *map(part, PNGS)))]
    assert decoded == pytest.approx([40, 120, 200], abs=2)


def test_png_that_claims_gigapixels_is_not_decoded() -> None:
    huge = PNGS[0][:16] + b"\x00\x01\x00\x00" * 2 + PNGS[0][24:]
    assert read(send(OK, part(huge), part(PNGS[1])))[0] == b""


@pytest.mark.parametrize("claimed", [PNG_CONTENT + 1, 0x7FFFFFFF, 0xFFFFFFF0])
def test_png_whose_content_is_not_there_takes_no_memory(claimed: int) -> None:
    """OpenCV would make 4 GB for it, in ten seconds."""
    bomb = PNGS[0][:33] + claimed.to_bytes(4) + PNGS[0][37:]
    began_at = time.thread_time()
    assert to_jpeg(bomb) == b""
    assert to_jpeg(PNGS[0][:40]) == b""
    assert time.thread_time() - began_at < 0.1
    assert simplejpeg.decode_jpeg_header(to_jpeg(PNGS[0]))[:2] == (48, 64)


def test_camera_is_absent_while_its_png_is_too_large_for_a_jpeg() -> None:
    wide = cv2.imencode(".png", np.zeros((2, 70_000), np.uint8))[1].tobytes()
    with serve_http(send(OK, part(JPEGS[0]), part(wide))) as host:
        frames = open_source(Camera("wide", SourceKind.STREAM, f"http://{host}/cam"), False, Pace())
        assert next(frames).jpeg == JPEGS[0]
        with pytest.raises(CameraAbsentError, match=r"70000 x 2 pixels.*a smaller size"):
            next(frames)


def test_camera_is_absent_while_it_sends_pictures_that_take_long_to_decode() -> None:
    """Viewers, too, would have to decode them."""
    bomb = add_scans(3000)
    with serve_http(send(OK, part(JPEGS[0]), part(bomb))) as host:
        frames = open_source(Camera("hall", SourceKind.STREAM, f"http://{host}/cam"), False, Pace())
        assert next(frames).jpeg == JPEGS[0]
        with pytest.raises(CameraAbsentError, match=r"3200 x 2400 pixels in \d+ kB.*choose baseline JPEG"):
            next(frames)
    labels = {"camera": "hall", "stage": Stage.CAPTURE, "reason": DropReason.TOO_COSTLY}
    assert REGISTRY.get_sample_value("digitcam_drops_total", labels) == 1.0


def test_camera_is_absent_while_it_floods() -> None:
    """Tiny pictures without pause would take a whole core; a second's worth that comes late, all at once, is fine."""
    tiny = cv2.imencode(".jpg", np.zeros((8, 8), np.uint8))[1].tobytes()

    def serve(connection: socket.socket, request: str) -> None:
        connection.sendall(OK)
        while True:
            connection.sendall(50 * part(tiny))

    with serve_http(serve) as host:
        frames = open_source(Camera("hall", SourceKind.STREAM, f"http://{host}/cam"), False, Pace())
        assert len(list(islice(frames, 1000))) == 1000
        with pytest.raises(CameraAbsentError, match="sends more than 500 pictures a second: choose a lower frame rate"):
            next(frames)


def test_snapshot_address_is_polled() -> None:
    images = iter(JPEGS)

    def serve(connection: socket.socket, request: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nConnection: close\r\n\r\n" + next(images))

    assert read(serve) == JPEGS


def test_only_the_first_picture_of_a_snapshot_is_read() -> None:
    """Phones append a preview or a gain map, which are JPEGs too."""
    images = iter(JPEGS)

    def serve(connection: socket.socket, request: str) -> None:
        body = next(images) + JPEGS[0]
        head = f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)

    assert read(serve) == JPEGS


def test_snapshot_without_its_end_marker_is_polled() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + JPEGS[0][:-2]
    with serve_http(send(answer)) as host:
        frames = open_source(Camera("hall", SourceKind.STREAM, f"http://{host}/cam"), False, Pace())
        assert [frame.jpeg for frame in islice(frames, 2)] == [JPEGS[0]] * 2
        frames.close()


@pytest.mark.parametrize("header", ["Content-Type: image/{}\r\n", "Content-Type: text/plain\r\n", ""])
@pytest.mark.parametrize("kind", ["WEBP", "BMP", "GIF"])
def test_snapshot_of_another_format_is_polled_too(kind: str, header: str) -> None:
    images = map(encode, [kind] * 3, PIXELS)

    def serve(connection: socket.socket, request: str) -> None:
        head = f"HTTP/1.1 200 OK\r\n{header.format(kind.lower())}Connection: close\r\n\r\n"
        connection.sendall(head.encode() + next(images))

    decoded = [simplejpeg.decode_jpeg(jpeg, "GRAY").mean() for jpeg in read(serve)]
    assert decoded == pytest.approx([40, 120, 200], abs=2)


def encode(kind: str, pixels: NDArray[np.uint8]) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).resize((400, 300)).save(file, kind)  # a BMP then has more bytes than are sniffed
    return file.getvalue()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 0\r\n\r\n", CameraProblem.NO_VIDEO),
        (b"HTTP/1.1 200 OK\r\nContent-Type: image/webp\r\n\r\nRIFF", CameraProblem.NO_VIDEO),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nbusy", CameraProblem.TEXT),
        (b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"error": 7}', CameraProblem.TEXT),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n\r\n<Fault/>", CameraProblem.TEXT),
        (b"HTTP/1.0 200 OK\r\n\r\nno such channel", CameraProblem.TEXT),
        (b"HTTP/1.0 200 OK\r\n\r\n\n<HTML><body>Log in</body>", CameraProblem.WEB_PAGE),
        (b"HTTP/1.0 200 OK\r\n\r\n<!-- 1 --><html>Log in", CameraProblem.WEB_PAGE),
        (OK + b"--frame--\r\n", CameraProblem.NO_VIDEO),
        (b"HTTP/1.1 204 No Content\r\n\r\n", CameraProblem.NO_VIDEO),
        (b"HTTP/1.1 302 Found\r\nLocation: rtsp://127.0.0.1/1\r\n\r\n", CameraProblem.REDIRECTS),
    ],
)
def test_answer_without_a_picture_is_named(answer: bytes, problem: CameraProblem) -> None:
    assert why_absent(send(answer)) is problem


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_https_address_of_a_camera_that_speaks_http_is_named(answer: bytes) -> None:
    def serve() -> None:
        with listener.accept()[0] as connection:
            connection.recv(4096)  # the start of TLS, which is no request
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve)
        server.start()
        with pytest.raises(CameraAbsentError) as error:
            next(read_network_camera(f"https://127.0.0.1:{listener.getsockname()[1]}/cam", Pace()))
        server.join()
    assert error.value.problem is CameraProblem.NO_TLS


def test_redirect_is_followed() -> None:
    def serve(connection: socket.socket, request: str) -> None:
        moved = b"HTTP/1.1 302 Found\r\nLocation: /real\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(OK + b"".join(map(part, JPEGS)) if "GET /real" in request else moved)

    assert read(serve) == JPEGS


def test_cookie_of_a_redirect_is_sent() -> None:
    """Some cameras let in who has their cookie, also where their address is a number."""

    def serve(connection: socket.socket, request: str) -> None:
        moved = b"HTTP/1.1 302 Found\r\nSet-Cookie: id=7\r\nLocation: /cam\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(OK + b"".join(map(part, JPEGS)) if "Cookie: id=7" in request else moved)

    assert read(serve) == JPEGS


@pytest.mark.parametrize("asks_first", [False, True])
def test_login_is_sent_to_where_the_camera_redirects(asks_first: bool) -> None:
    """As from http to https, which is another port."""
    with serve_http(guard(BASIC)) as other:

        def serve(connection: socket.socket, request: str) -> None:
            if asks_first and "Authorization" not in request:
                connection.sendall(f"HTTP/1.1 401 No\r\nContent-Length: 0\r\n{DIGEST}\r\n".encode())
            else:
                moved = f"HTTP/1.1 301 Moved\r\nLocation: http://{other}/cam\r\nContent-Length: 0\r\n\r\n"
                connection.sendall(moved.encode())

        assert read(serve, f"me:{ESCAPED}@") == JPEGS
        assert why_absent(serve, "me:wrong@") == CameraProblem.WRONG_LOGIN


def test_login_is_sent_to_no_other_host() -> None:
    asked = []

    def spy(connection: socket.socket, request: str) -> None:
        asked.append(request)
        connection.sendall(f"HTTP/1.1 401 No\r\nContent-Length: 0\r\n{BASIC}\r\n".encode())

    with serve_http(spy) as other:
        moved = f"HTTP/1.1 301 Moved\r\nLocation: http://{other}/cam\r\nContent-Length: 0\r\n\r\n"
        with serve_http(send(moved.encode())) as host:
            frames = read_network_camera(f"http://me:secret@{host.replace('127.0.0.1', 'localhost')}/cam", Pace())
            with pytest.raises(CameraAbsentError):
                next(frames)
    assert asked
    assert not any("Authorization" in request for request in asked)


def test_characters_that_an_address_cannot_hold_are_escaped() -> None:
    """As browsers do; what is escaped already stays so."""
    asked = []

    def serve(connection: socket.socket, request: str) -> None:
        asked.append(request.partition("\r\n")[0])
        connection.sendall(OK + b"".join(map(part, JPEGS)))

    with serve_http(serve) as host:
        frames = read_network_camera(f"http://{host}/my cam/\u00e4?a=%2F&b=[1]", Pace())
        next(frames)
        frames.close()
    assert asked == ["GET /my%20cam/%C3%A4?a=%2F&b=[1] HTTP/1.1"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_2])
def test_old_tls_is_spoken(version: ssl.TLSVersion, tmp_path: Path) -> None:
    """Nothing is lost by it, since the certificate is not verified."""
    certificate = ensure_certificate(tmp_path / "cam.pem", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_ciphers("kRSA:ECDHE:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version

    def serve() -> None:
        connection = context.wrap_socket(listener.accept()[0], server_side=True)
        with connection:
            connection.recv(4096)
            connection.sendall(OK + b"".join(map(part, JPEGS)))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve)
        server.start()
        frames = read_network_camera(f"https://127.0.0.1:{listener.getsockname()[1]}/cam", Pace())
        assert next(frames).jpeg == JPEGS[0]
        frames.close()
        server.join()


def is_allowed(request: str) -> bool:
    """Return whether a Digest login is right; with qop=auth, as browsers answer."""
    header = re.search(r"Authorization: Digest (.*)\r", request)
    if not header:
        return False
    fields = dict(re.findall(r'(\w+)="?([^",]*)"?', header[1]))
    make = hashlib.sha256 if fields.get("algorithm") == "SHA-256" else hashlib.md5
    secret, target = (make(text.encode()).hexdigest() for text in (f"me:cam:{PASSWORD}", "GET:/cam"))
    middle = ":".join(fields[name] for name in ("nonce", "nc", "cnonce", "qop") if name in fields)
    return bool(fields["response"] == make(f"{secret}:{middle}:{target}".encode()).hexdigest())


def guard(challenge: str) -> Serve:
    """Return a camera that wants a login: me, PASSWORD."""

    def serve(connection: socket.socket, request: str) -> None:
        is_basic = "Authorization: Basic bWU6cEBzcy93I3JkOjEl" in request
        if is_basic or is_allowed(request):
            connection.sendall(OK + b"".join(map(part, JPEGS)))
        else:
            connection.sendall(f"HTTP/1.1 401 No\r\nContent-Length: 0\r\n{challenge}\r\n".encode())

    return serve


BASIC = 'WWW-Authenticate: Basic realm="cam"\r\n'
DIGEST = 'WWW-Authenticate: Digest realm="cam", nonce="nonce"\r\n'
SHA_256 = 'WWW-Authenticate: Digest realm="cam", nonce="nonce", algorithm=SHA-256\r\n'
AUTH_INT = 'WWW-Authenticate: Digest realm="cam", qop="auth,auth-int", nonce="nonce"\r\n'
UNKNOWN_HASH = 'WWW-Authenticate: Digest realm="cam", nonce="nonce", algorithm=SHA-512-256\r\n'
BEARER = 'WWW-Authenticate: Bearer realm="a, Basic b"\r\n'
IN_ONE_LINE = 'WWW-Authenticate: Negotiate, NTLM, Digest realm="cam", nonce="nonce", Bearer realm="x"\r\n'


@pytest.mark.parametrize(
    "challenge",
    [
        *(BASIC, DIGEST, SHA_256, SHA_256 + DIGEST, BASIC + DIGEST, DIGEST + BASIC),
        *(AUTH_INT, UNKNOWN_HASH + DIGEST, UNKNOWN_HASH + BASIC, BEARER + DIGEST, BEARER + BASIC, IN_ONE_LINE, ""),
    ],
)
def test_login_is_answered(challenge: str) -> None:
    assert read(guard(challenge), f"me:{ESCAPED}@") == JPEGS


@pytest.mark.parametrize("challenge", [BASIC, DIGEST, SHA_256])
def test_missing_and_wrong_logins_are_told_apart(challenge: str) -> None:
    assert why_absent(guard(challenge)) == CameraProblem.NEEDS_LOGIN
    assert why_absent(guard(challenge), "me:wrong@") == CameraProblem.WRONG_LOGIN


def test_hostile_challenges_take_no_time() -> None:
    """Each quotation mark could begin a text that never ends."""
    hostile = ("WWW-Authenticate: Digest " + '"\\"' * 2000 + "\r\n") * 8
    began_at = time.process_time()
    why_absent(guard(hostile), "me:x@")
    assert time.process_time() - began_at < 0.3


def test_login_may_be_a_password_alone() -> None:
    def serve(connection: socket.socket, request: str) -> None:
        is_right = "Authorization: Basic OnNlY3JldA==" in request
        asks = f"HTTP/1.1 401 No\r\nContent-Length: 0\r\n{BASIC}\r\n".encode()
        connection.sendall(OK + b"".join(map(part, JPEGS)) if is_right else asks)

    assert read(serve, ":secret@") == JPEGS


@pytest.mark.parametrize("challenge", ["WWW-Authenticate: NTLM\r\n", UNKNOWN_HASH])
def test_login_of_an_unknown_kind_is_named(challenge: str) -> None:
    assert why_absent(guard(challenge), "me:x@") == CameraProblem.UNKNOWN_LOGIN


def test_user_that_digest_cannot_hold_is_refused_in_a_sentence() -> None:
    assert why_absent(guard(DIGEST), "a%3Ab:x@") == CameraProblem.UNKNOWN_LOGIN


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("404 No", CameraProblem.NOT_FOUND),
        ("503 No", CameraProblem.BUSY),
        ("403 No", CameraProblem.FORBIDDEN),
        ("500 No", CameraProblem.STATUS),
        ("302 Found\r\nLocation: /cam", CameraProblem.REDIRECTS),
        ("200 OK\r\nContent-Type: text/html", CameraProblem.WEB_PAGE),
    ],
)
def test_reason_is_what_the_camera_answered(answer: str, problem: CameraProblem) -> None:
    assert why_absent(send(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode())) == problem


def test_raw_password_that_cannot_be_told_from_the_host_is_named() -> None:
    assert why_absent(send(OK), f"me:{PASSWORD}@") == CameraProblem.UNESCAPED


def test_camera_that_closes_the_connection_without_an_answer_is_named() -> None:
    assert why_absent(send(b"")) == CameraProblem.NO_ANSWER


def test_camera_that_falls_silent_is_given_up_after_what_its_pace_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pace, "reopen_after_s", 0.05)
    done = threading.Event()

    def serve(connection: socket.socket, request: str) -> None:
        connection.sendall(OK + part(JPEGS[0]))
        done.wait(10)

    assert why_absent(serve) == CameraProblem.NO_FRAMES
    done.set()


def test_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert read(send(OK, *map(part, JPEGS))) == JPEGS


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.0 200 OK\r\nContent-Type: video/mp4\r\n\r\n1234", b"ICY 200 OK\r\n\r\n1234"]
)
def test_other_video_is_left_to_ffmpeg(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def open_video(address: object) -> None:
        asked.append(address)
        raise OtherVideoError

    monkeypatch.setattr("services.capture.network.open_http_video", open_video)
    with pytest.raises(OtherVideoError):
        read(send(answer))
    assert len(asked) == 1


@pytest.mark.parametrize(
    "head", ["--frame\r\n\r\n", "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n"]
)
def test_jpegs_without_their_end_marker_are_read_by_the_pipeline(head: str) -> None:
    def serve(connection: socket.socket, _: str) -> None:
        connection.sendall(OK + b"".join(part(jpeg[:-2], head) for jpeg in JPEGS))

    with serve_http(serve) as host:
        frames = open_source(Camera("hall", SourceKind.STREAM, f"http://{host}/cam"), False, Pace())
        got = [frame.jpeg for frame in islice(frames, 2)]
        frames.close()
    assert got == JPEGS[:2]


def test_camera_that_sends_jpegs_needs_no_pyav() -> None:
    """It takes 7 MB in the process of each camera."""
    program = (
        "import sys; from services.capture.network import read_network_camera; from shared.cameras.pace import Pace\n"
        "frames = read_network_camera(sys.argv[1], Pace()); next(frames); frames.close(); print('av' in sys.modules)"
    )
    with serve_http(send(OK, *map(part, JPEGS))) as host:
        command = [sys.executable, "-c", program, f"http://{host}/cam"]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=30)
    assert done.stdout == "False\n"

"""Asks an RTSP camera for its description, because FFmpeg does not say why it can't open one."""

import hashlib
import re
import ssl

from shared.cameras.address import CameraAddress
from shared.cameras.pace import ANSWER_S, CONNECT_S
from shared.cameras.problems import CameraAbsentError, CameraProblem

MAX_ANSWER_BYTES = 65536
CHALLENGE = re.compile(r"^www-authenticate:\s*(basic|digest)\b(.*)$", re.IGNORECASE | re.MULTILINE)
FIELD = re.compile(r'(\w+)="?([^",\r]*)"?')
HASHES = {"": "md5", "MD5": "md5", "SHA-256": "sha256"}
PROBLEMS = {
    403: CameraProblem.FORBIDDEN,
    404: CameraProblem.NOT_FOUND,
    453: CameraProblem.BUSY,
    503: CameraProblem.BUSY,
}


def explain_rtsp(address: CameraAddress) -> CameraAbsentError:
    """Return why FFmpeg could not open the camera."""
    try:
        status, answer = describe(address)
        if status == 401:
            if not address.user:
                return CameraAbsentError(CameraProblem.NEEDS_LOGIN)
            if login := make_login(address, answer):
                status, answer = describe(address, login)
    except CameraAbsentError as error:
        return error
    except (OSError, ValueError):
        return CameraAbsentError(CameraProblem.NO_ANSWER)
    if status == 401:
        return CameraAbsentError(CameraProblem.WRONG_LOGIN)
    if status != 200:
        return CameraAbsentError(PROBLEMS.get(status, CameraProblem.STATUS), status)
    return CameraAbsentError(CameraProblem.UNREADABLE if "m=video" in answer else CameraProblem.NO_VIDEO)


def describe(address: CameraAddress, login: str = "") -> tuple[int, str]:
    """Return the status and the text of the answer to DESCRIBE. Raises OSError, ValueError or CameraAbsentError."""
    request = (
        f"DESCRIBE {address.url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\nUser-Agent: digitcam\r\n{login}\r\n"
    )
    connection = address.connect(CONNECT_S)
    connection.settimeout(ANSWER_S)
    if address.scheme == "rtsps":  # FFmpeg does not verify certificates either
        connection = ssl._create_unverified_context().wrap_socket(connection)  # noqa: S323
    with connection:
        connection.sendall(request.encode())
        answer = b""
        while not is_complete(answer) and (data := connection.recv(4096)):
            answer += data
    text = answer.decode("latin-1")
    if not (first := re.match(r"RTSP/\d\.\d (\d{3})", text)):
        raise ValueError("not an RTSP camera")
    return int(first[1]), text


def is_complete(answer: bytes) -> bool:
    """Return whether an answer has its headers and as much text as they announce."""
    head, separator, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length:\s*(\d+)", head, re.IGNORECASE)
    return len(answer) > MAX_ANSWER_BYTES or (bool(separator) and len(body) >= int(length[1] if length else 0))


def make_login(address: CameraAddress, answer: str) -> str:
    """Return the header that answers a challenge; "" if none is known."""
    challenges = {kind.lower(): dict(FIELD.findall(fields)) for kind, fields in reversed(CHALLENGE.findall(answer))}
    if fields := challenges.get("digest"):
        name = HASHES.get(fields.get("algorithm", "").upper(), "md5")

        def digest(*parts: str) -> str:
            return hashlib.new(name, ":".join(parts).encode()).hexdigest()

        realm, nonce = fields.get("realm", ""), fields.get("nonce", "")
        secret = digest(address.user, realm, address.password)
        response = digest(secret, nonce, digest("DESCRIBE", address.url))
        return (
            f'Authorization: Digest username="{address.user}", realm="{realm}", nonce="{nonce}", '
            f'uri="{address.url}", response="{response}"\r\n'
        )
    if "basic" in challenges:
        return f"Authorization: {address.basic_login}\r\n"
    return ""

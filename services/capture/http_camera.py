"""A camera over HTTP: MJPEG in any framing, or a snapshot address that is polled.

FFmpeg's reader wants boundary, type and length exactly, and gives no reason when it fails. aiohttp brings connections,
redirects and logins (Basic, and Digest with MD5 or SHA).
"""

import asyncio
import re
import ssl
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from io import BytesIO

import aiohttp
from yarl import URL

from services.capture.frames import FrameStream, encode_jpeg, to_jpeg
from services.capture.http_login import BASIC, DigestLogin, find_challenges, find_digest
from services.capture.image_splitter import START, ImageSplitter
from shared.cameras.address import CameraAddress
from shared.cameras.pace import ANSWER_S, CONNECT_S, Pace
from shared.cameras.problems import CameraAbsentError, CameraProblem
from shared.cameras.publisher import CapturedFrame
from shared.messaging.codec import MAX_PAYLOAD_BYTES

POLL_HZ = 5.0  # for a snapshot address; #fps sets another rate
SNIFF_BYTES = 65536  # a stream that does not show an image in them is video for FFmpeg
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S)
TOLERANCE_S = 0.5  # of the limit on silence: a timer for each read takes a tenth of the time for a frame
MULTIPART = "multipart/"
WEB_PAGES = ("text/html", "application/xhtml")
# WebP, BMP, GIF, AVIF, TIFF: some servers send them without a type
OTHER_STILL = re.compile(rb"RIFF....WEBP|BM|GIF8[79]a|....ftypavi[fs]|II\*\0|MM\0\*", re.DOTALL)
HTML = re.compile(rb"<!doctype html|<html", re.IGNORECASE)
HEAD_BYTES = 1024  # in which a page shows what it is
TEXTS = re.compile(r"text/|.*[/+](?:xml|json|javascript)$")  # types
NOT_TEXT = re.compile(rb"[\0-\x08\x0e-\x1f\x7f-\xff]")
MANIFEST = re.compile(rb"\s*#EXTM3U|.{,200}<MPD", re.DOTALL)  # of HLS or DASH, which FFmpeg reads
PROBLEMS = {
    403: CameraProblem.FORBIDDEN,
    404: CameraProblem.NOT_FOUND,
    410: CameraProblem.NOT_FOUND,
    429: CameraProblem.BUSY,
    503: CameraProblem.BUSY,
}


class OtherVideoError(Exception):
    """The address may send video, but neither JPEGs nor PNGs."""


def read_http_camera(address: CameraAddress, pace: Pace, poll_hz: float = POLL_HZ) -> FrameStream:
    """Yield the frames of a camera until it sends no more. Raises CameraAbsentError or OtherVideoError."""
    with asyncio.Runner() as runner:
        loop, frames = runner.get_loop(), _HttpCamera(address, pace).read_frames(poll_hz)
        arrived: deque[CapturedFrame] = deque()

        async def pump() -> None:
            async for frame in frames:
                arrived.append(frame)
                loop.stop()

        def stop_loop(_: asyncio.Task[None]) -> None:
            loop.stop()

        # one task for all frames: run_until_complete() for each takes 0.04 ms more, runner.run() 0.8
        task = loop.create_task(pump())
        task.add_done_callback(stop_loop)
        try:
            while not task.done():
                loop.run_forever()
                while arrived:
                    yield arrived.popleft()
            task.result()
        finally:
            task.remove_done_callback(stop_loop)
            task.cancel()
            runner.run(asyncio.wait((task,)))


class _HttpCamera:
    def __init__(self, address: CameraAddress, pace: Pace) -> None:
        self._address, self._pace = address, pace
        self._url = URL(address.url, encoded=True)
        self._asked_by: URL | None = None  # the server that asked for the login
        self._headers: dict[str, str] = {}
        self._middlewares: tuple[aiohttp.ClientMiddlewareType, ...] = ()

    async def read_frames(self, poll_hz: float) -> AsyncGenerator[CapturedFrame]:
        """Yield the images of the stream. An address that gives one image is a snapshot: it is polled."""
        is_private = await asyncio.to_thread(self._address.is_private)
        # some cameras close connections that they promise to keep
        connector = aiohttp.TCPConnector(ssl=make_tls_context(), force_close=True)
        cookies = aiohttp.CookieJar(unsafe=True)  # also of an IP address
        try:
            async with aiohttp.ClientSession(
                connector=connector, cookie_jar=cookies, timeout=TIMEOUT, trust_env=not is_private
            ) as session:
                is_snapshot = False
                while True:
                    asked_at, count = time.monotonic(), 0
                    async with self._get(session) as response, aclosing(self._split(response)) as images:
                        async for image in images:
                            count += 1
                            yield CapturedFrame(to_jpeg(image), time.monotonic(), may_repeat=is_snapshot)
                    if count == 0:
                        raise CameraAbsentError(CameraProblem.NO_VIDEO)
                    is_snapshot = count == 1
                    if not is_snapshot:
                        return
                    await asyncio.sleep(asked_at + 1 / poll_hz - time.monotonic())
        except (aiohttp.ClientError, OSError) as error:
            raise self._explain(error) from error

    @asynccontextmanager
    async def _get(self, session: aiohttp.ClientSession) -> AsyncIterator[aiohttp.ClientResponse]:
        """Request the address, with a login if it wants one. Raises CameraAbsentError."""
        response = await self._request(session)
        for _ in range(2):  # the address may redirect to another server of the camera, which asks again
            if response.status != 401 or response.url.origin() == self._asked_by:
                break
            self._choose_login(response)
            response.close()
            response = await self._request(session)
        async with response:
            if response.status == 401:
                raise CameraAbsentError(CameraProblem.WRONG_LOGIN)
            if response.status // 100 != 2:
                raise CameraAbsentError(PROBLEMS.get(response.status, CameraProblem.STATUS), response.status)
            yield response

    async def _request(self, session: aiohttp.ClientSession) -> aiohttp.ClientResponse:
        try:
            async with asyncio.timeout(ANSWER_S):
                return await session.get(self._url, headers=self._headers, middlewares=self._middlewares)
        except aiohttp.ConnectionTimeoutError:
            raise
        except TimeoutError as error:
            raise CameraAbsentError(CameraProblem.NO_ANSWER) from error

    def _choose_login(self, response: aiohttp.ClientResponse) -> None:
        """Choose the login that is sent from now on, and where. Raises CameraAbsentError."""
        address = self._address
        if not address.has_login:
            raise CameraAbsentError(CameraProblem.NEEDS_LOGIN)
        self._asked_by = response.url.origin()
        is_encrypted = response.url.scheme == "https" or self._url.scheme == "http"
        if response.url.host == self._url.host and is_encrypted:
            self._url = response.url  # aiohttp sends no login to where it is redirected
        kinds = [challenge.kind for challenge in find_challenges(response)]
        if find_digest(response) and ":" not in address.user:  # which is the end of a user there
            self._headers, self._middlewares = {}, (DigestLogin(address.user, address.password),)
        elif not kinds or BASIC in kinds:
            self._headers, self._middlewares = {"Authorization": address.basic_login}, ()
        else:
            raise CameraAbsentError(CameraProblem.UNKNOWN_LOGIN, ", ".join(kinds))

    async def _split(self, response: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
        """Yield the images of a response. Raises OtherVideoError, or CameraAbsentError if it falls silent."""
        splitter, head, kind = ImageSplitter(), b"", response.content_type
        # a phone's picture may be followed by its preview or gain map, also JPEGs
        is_one = kind.startswith("image/") and response.content_length is not None
        try:
            async with aclosing(self._receive(response)) as received:
                async for data in received:
                    head = extend_head(head, data, kind)
                    for image in splitter.feed(data):
                        yield image
                        if is_one:
                            return
        except aiohttp.ClientPayloadError:
            return  # it closed the connection in the middle
        if kind.startswith(MULTIPART):
            return
        if rest := splitter.take_rest():
            yield rest
        elif not START.search(head):
            yield convert_still(head, kind)

    async def _receive(self, response: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
        """Yield the bytes of a response as they come. Raises CameraAbsentError if it falls silent."""
        limit_s = self._pace.reopen_after_s
        try:
            async with asyncio.timeout(limit_s) as silence:
                async for data in response.content.iter_any():
                    yield data
                    limit_s = self._pace.reopen_after_s
                    deadline = asyncio.get_running_loop().time() + limit_s
                    if abs(deadline - (silence.when() or 0.0)) > TOLERANCE_S:
                        silence.reschedule(deadline)
        except TimeoutError as error:
            raise CameraAbsentError(CameraProblem.NO_FRAMES, f"{limit_s:.0f}") from error

    def _explain(self, error: Exception) -> Exception:
        if isinstance(error, aiohttp.ClientResponseError) and not isinstance(error, aiohttp.TooManyRedirects):
            return OtherVideoError()  # an answer that is not HTTP, such as that of Icecast
        is_reset = isinstance(getattr(error, "os_error", None), ConnectionResetError)
        if isinstance(error, aiohttp.ClientSSLError) or (is_reset and self._address.scheme == "https"):
            return CameraAbsentError(CameraProblem.NO_TLS)
        if isinstance(error, aiohttp.ServerDisconnectedError):
            return CameraAbsentError(CameraProblem.NO_ANSWER)
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ServerTimeoutError):
            return self._address.explain(getattr(error, "os_error", error))
        if isinstance(error, aiohttp.TooManyRedirects | aiohttp.InvalidURL | aiohttp.RedirectClientError):
            return CameraAbsentError(CameraProblem.REDIRECTS)
        return CameraAbsentError(CameraProblem.ENDED)


def make_tls_context() -> ssl.SSLContext:
    """Return settings that any camera can meet: few have a certificate that can be verified, many know old TLS only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def extend_head(head: bytes, data: bytes, content_type: str) -> bytes:
    """Return the start of an answer with more bytes: as many as are sniffed, of a still picture all.

    Raises what explain_answer() returns if no image begins in them.
    """
    is_still = is_other_still(head or data, content_type)
    if content_type.startswith(MULTIPART) or len(head) >= (MAX_PAYLOAD_BYTES if is_still else SNIFF_BYTES):
        return head
    head += data
    if not is_still and len(head) >= SNIFF_BYTES and not START.search(head):
        raise explain_answer(head, content_type)
    return head


def is_other_still(body: bytes, content_type: str) -> bool:
    """Return whether an answer that holds no JPEG or PNG is a picture all the same."""
    return content_type.startswith("image/") or bool(OTHER_STILL.match(body))


def convert_still(body: bytes, content_type: str) -> bytes:
    """Return a picture that is neither JPEG nor PNG (WebP, BMP, GIF) as JPEG.

    Raises CameraAbsentError or OtherVideoError if the body is no picture, TooLargeError if it is too large.
    """
    if not is_other_still(body, content_type):
        raise explain_answer(body, content_type)
    from shared.vision.image_files import load_first  # noqa: PLC0415 - Pillow and PyAV, for a few cameras only

    try:
        picture = load_first(BytesIO(body))
    except ValueError as error:
        raise CameraAbsentError(CameraProblem.NO_VIDEO) from error
    return encode_jpeg(picture)


def explain_answer(body: bytes, content_type: str) -> Exception:
    """Return what an answer without a picture is: OtherVideoError unless it is a page or text."""
    head = body[:HEAD_BYTES]
    if MANIFEST.match(head) or content_type.startswith("video/"):
        return OtherVideoError()
    if content_type.startswith(WEB_PAGES) or HTML.search(head):
        return CameraAbsentError(CameraProblem.WEB_PAGE)
    if not head:
        return CameraAbsentError(CameraProblem.NO_VIDEO)
    if TEXTS.match(content_type) or not NOT_TEXT.search(head):
        return CameraAbsentError(CameraProblem.TEXT, content_type)
    return OtherVideoError()

"""A camera over HTTP: MJPEG in any framing, or a snapshot address that is polled.

FFmpeg's reader wants boundary, type and length exactly, and gives no reason when it fails. aiohttp brings connections,
redirects and logins (Basic, and Digest with MD5 or SHA).
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from io import BytesIO

import aiohttp
from yarl import URL

from services.capture.frames import FrameStream, encode_jpeg, to_jpeg
from services.capture.image_splitter import START, ImageSplitter
from shared.cameras.address import CameraAddress
from shared.cameras.pace import ANSWER_S, CONNECT_S, Pace
from shared.cameras.problems import CameraAbsentError, CameraProblem
from shared.cameras.publisher import CapturedFrame
from shared.messaging.messages import MAX_PAYLOAD_BYTES

POLL_HZ = 5.0  # for a snapshot address; #fps sets another rate
SNIFF_BYTES = 65536  # a stream that does not show an image in them is video for FFmpeg
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S)
TOLERANCE_S = 0.5  # of the limit on silence: a timer for each read takes a tenth of the time for a frame
WEB_PAGES = ("text/html", "application/xhtml")
HTML = (b"<!doctype html", b"<html")  # a page without a type
TEXTS = ("text/", "application/json", "application/xml")
PLAYLIST = b"#EXTM3U"  # of HLS, which FFmpeg reads; some servers call it text
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
        self._headers: dict[str, str] = {}
        self._middlewares: tuple[aiohttp.ClientMiddlewareType, ...] = ()

    async def read_frames(self, poll_hz: float) -> AsyncGenerator[CapturedFrame]:
        """Yield the images of the stream. An address that gives one image is a snapshot: it is polled."""
        is_private = await asyncio.to_thread(self._address.is_private)
        # few cameras have a certificate that can be verified, and some close connections that they promise to keep
        connector = aiohttp.TCPConnector(ssl=False, force_close=True)
        try:
            async with aiohttp.ClientSession(connector=connector, timeout=TIMEOUT, trust_env=not is_private) as session:
                is_snapshot = False
                while True:
                    asked_at, count = time.monotonic(), 0
                    async with self._get(session) as response, aclosing(self._split(response)) as images:
                        async for image in images:
                            count += 1
                            yield CapturedFrame(to_jpeg(image), time.monotonic(), may_repeat=is_snapshot)
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
        if response.status == 401 and not (self._headers or self._middlewares):
            self._choose_login(response)
            response.close()
            response = await self._request(session)
        async with response:
            if response.status == 401:
                raise CameraAbsentError(CameraProblem.WRONG_LOGIN)
            if response.status != 200:
                raise CameraAbsentError(PROBLEMS.get(response.status, CameraProblem.STATUS), response.status)
            if response.content_type.startswith(WEB_PAGES):
                raise CameraAbsentError(CameraProblem.WEB_PAGE)
            yield response

    async def _request(self, session: aiohttp.ClientSession) -> aiohttp.ClientResponse:
        try:
            async with asyncio.timeout(ANSWER_S):
                return await session.get(
                    URL(self._address.url, encoded=True), headers=self._headers, middlewares=self._middlewares
                )
        except aiohttp.ConnectionTimeoutError:
            raise
        except TimeoutError as error:
            raise CameraAbsentError(CameraProblem.NO_ANSWER) from error

    def _choose_login(self, response: aiohttp.ClientResponse) -> None:
        """Choose what the camera asks for first, because aiohttp's Digest reads the first challenge only."""
        address = self._address
        kinds = [text.partition(" ")[0] for text in response.headers.getall("WWW-Authenticate", [])]
        if not address.user:
            raise CameraAbsentError(CameraProblem.NEEDS_LOGIN)
        if kinds and kinds[0].lower() == "digest":
            self._middlewares = (aiohttp.DigestAuthMiddleware(address.user, address.password),)
        elif not kinds or "basic" in map(str.lower, kinds):
            self._headers = {"Authorization": address.basic_login}
        else:
            raise CameraAbsentError(CameraProblem.UNKNOWN_LOGIN, ", ".join(kinds))

    async def _split(self, response: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
        """Yield the images of a response. Raises OtherVideoError, or CameraAbsentError if it falls silent."""
        splitter, head = ImageSplitter(), b""
        is_multipart = response.content_type.startswith("multipart/")
        is_still = response.content_type.startswith("image/")
        limit_s = self._pace.reopen_after_s
        try:
            async with asyncio.timeout(limit_s) as silence:
                async for data in response.content.iter_any():
                    if not is_multipart and len(head) < (MAX_PAYLOAD_BYTES if is_still else SNIFF_BYTES):
                        head += data
                        if not is_still and len(head) >= SNIFF_BYTES and not START.search(head):
                            raise OtherVideoError
                    for image in splitter.feed(data):
                        yield image
                    limit_s = self._pace.reopen_after_s
                    deadline = asyncio.get_running_loop().time() + limit_s
                    if abs(deadline - (silence.when() or 0.0)) > TOLERANCE_S:
                        silence.reschedule(deadline)
        except TimeoutError as error:
            raise CameraAbsentError(CameraProblem.NO_FRAMES, f"{limit_s:.0f}") from error
        except aiohttp.ClientPayloadError:
            return  # it closed the connection in the middle
        if not is_multipart and not START.search(head):
            yield convert_still(head, response.content_type)

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


def convert_still(body: bytes, content_type: str) -> bytes:
    """Return a picture that is neither JPEG nor PNG (WebP, BMP, GIF) as JPEG.

    Raises CameraAbsentError if the body is no picture, or OtherVideoError if it may be video.
    """
    if not body:
        raise CameraAbsentError(CameraProblem.NO_VIDEO)
    if body.lstrip()[:32].lower().startswith(HTML):
        raise CameraAbsentError(CameraProblem.WEB_PAGE)
    if content_type.startswith(TEXTS) and not body.startswith(PLAYLIST):
        raise CameraAbsentError(CameraProblem.TEXT, content_type)
    if not content_type.startswith("image/"):
        raise OtherVideoError
    from shared.vision.image_files import load_pictures  # noqa: PLC0415 - Pillow and PyAV, for a few cameras only

    try:
        return encode_jpeg(next(load_pictures(BytesIO(body))))
    except ValueError as error:
        raise CameraAbsentError(CameraProblem.NO_VIDEO) from error

"""Files: JPEGs as any camera may send them, networks, and the state that the program keeps."""

import logging
import random
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from services.display.web.event_store import EventStore
from services.display.web.schema import EventsQuery
from services.display.web.sessions import KEY_BYTES, load_key
from services.preprocess import preprocess_frame
from shared.cameras.added_cameras import ADDED_CAMERAS_FILE, read_added_cameras
from shared.cameras.camera_list import parse_cameras
from shared.messaging.keys import allow_machine, list_machines, load_pair, load_queue_key, make_pair
from shared.messaging.messages import Frame, Refusal
from shared.messaging.peer_access import PeerAccess
from shared.networks.cards import check_weights
from shared.networks.runtimes import load_network
from shared.pipeline import Gate
from shared.settings import MODELS, SPECS, ConfigError, load_settings, read_env_file
from shared.vision.corrections import ClassifiedCrop, CorrectionStore
from shared.vision.normaliser import SIDE_PX
from tests.fuzz.mutations import mutate
from tests.shared.vision.hostile_jpegs import add_scans, split_scans


class JpegTarget:
    """A JPEG -> preprocess."""

    name = "JPEG"

    def __init__(self) -> None:
        noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
        options = (
            (),
            (cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
            (cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
            (cv2.IMWRITE_JPEG_QUALITY, 5),
        )
        pictures = (noise, noise[:, :, 0], noise[:1, :1], np.zeros((480, 640, 3), np.uint8))
        self._good = [cv2.imencode(".jpg", one, list(more))[1].tobytes() for one in pictures for more in options]
        self._bombs = [make(scans) for make in (add_scans, split_scans) for scans in (1, 5, 50, 101, 2000)]
        self._pieces = [jpeg[at : at + 20] for jpeg in self._good for at in range(0, 400, 40)]

    def make_input(self, rng: random.Random) -> tuple[bytes, Gate]:
        """Return a JPEG, most often broken, and what preprocess does with it."""
        jpeg = rng.choice(self._bombs if rng.random() < 0.05 else self._good)
        return mutate(jpeg, rng, self._pieces) if rng.random() < 0.9 else jpeg, rng.choice(list(Gate))

    def feed(self, given: tuple[bytes, Gate]) -> str:
        """Decode it as preprocess does."""
        jpeg, gate = given
        frame = Frame(camera="a", seq=1, captured_at=0.0, every_frame=False, jpeg=jpeg, gate=gate, sketch=b"x")
        answer = preprocess_frame(frame, 480)
        return answer.reason if isinstance(answer, Refusal) else "taken"

    def close(self) -> list[str]:
        """Nothing is open."""
        return []


class NetworkTarget:
    """A file of weights -> the runtime."""

    name = "networks"

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name) / "classifier.onnx"
        self._weights = (MODELS / "classifier.onnx").read_bytes()
        self._path.with_name("classifier.md").write_text((MODELS / "classifier.md").read_text())
        self._warnings: list[logging.LogRecord] = []
        logging.getLogger("digitcam").addFilter(self._note)

    def _note(self, record: logging.LogRecord) -> bool:
        self._warnings.append(record)
        return False

    def make_input(self, rng: random.Random) -> bytes:
        """Return weights with changed bytes."""
        weights = bytearray(self._weights)
        for _ in range(rng.choice((1, 1, 10))):
            weights[rng.randrange(len(weights))] ^= 1 << rng.randrange(8)
        return bytes(weights if rng.random() < 0.9 else weights[: rng.randrange(len(weights))])

    def feed(self, given: bytes) -> str:
        """Load it: a file that is not the one of the card must be named."""
        self._warnings.clear()
        self._path.write_bytes(given)
        try:
            load_network(self._path, "onnx", "cpu")
            outcome = "taken, with a warning"
        except ValueError:
            outcome = "refused, with a warning"
        if not self._warnings and given != self._weights:
            raise AssertionError("no warning")
        return outcome

    def close(self) -> list[str]:
        """Clear away."""
        logging.getLogger("digitcam").removeFilter(self._note)
        self._folder.cleanup()
        return []


class StateTarget:
    """Files and texts that people and the program itself write -> those who read them."""

    name = "state files and settings"

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name)
        make_pair(self._path / "keys")
        allow_machine(self._path / "keys", "hall", load_pair(self._path / "keys")[0])
        EventStore(self._path / "good.sqlite", days=1).close()
        crop = ClassifiedCrop("demo", np.zeros((SIDE_PX, SIDE_PX), np.uint8), 7)
        CorrectionStore(self._path / "good").add(crop, 3)
        logging.disable(logging.CRITICAL)
        secret = (self._path / "keys" / "digitcam.key_secret").read_bytes()
        self._readers: dict[str, tuple[bytes, Callable[[bytes], Any]]] = {
            "cameras.json": (
                b'{"hall": "rtsp://me:pass@host/1#rotate=90#crop=1,2,3,4", "b": "demo"}',
                self._read_cameras,
            ),
            ".env": (b"export CAMERAS=\"a,b#fps=3\" # c\nWEB_TOKEN='abcdefghijklmnop'\n", self._read_env),
            "settings": (b"tcp://0.0.0.0:5750", self._read_settings),
            "CAMERAS": (b"hall=rtsp://u:p@h/1#rotate=90#weight=2,0,demo#fps=3,clip.mp4", self._read_camera_list),
            "events.sqlite": ((self._path / "good.sqlite").read_bytes(), self._read_events),
            "corrections.sqlite": ((self._path / "good" / "corrections.sqlite").read_bytes(), self._read_corrections),
            "secret key": (secret, self._read_keys),
            "public key": ((self._path / "keys" / "hall.key").read_bytes(), self._read_public_key),
            "session key": (bytes(KEY_BYTES), self._read_session_key),
            "card": ((MODELS / "classifier.md").read_bytes(), self._read_card),
        }

    def make_input(self, rng: random.Random) -> tuple[str, bytes]:
        """Return whose input it is, and a file that is broken."""
        name = rng.choice(list(self._readers))
        return name, mutate(self._readers[name][0], rng)

    def feed(self, given: tuple[str, bytes]) -> str:
        """Let it be read: a sentence for the user is all that may come of it."""
        name, content = given
        try:
            self._readers[name][1](content)
        except (ConfigError, sqlite3.Error):
            return "refused"
        return "taken"

    def _write(self, name: str, content: bytes) -> Path:
        path = self._path / name
        path.write_bytes(content)
        return path

    def _read_cameras(self, content: bytes) -> None:
        self._write(ADDED_CAMERAS_FILE, content)
        read_added_cameras(self._path)

    def _read_env(self, content: bytes) -> None:
        load_settings(read_env_file(self._write(".env", content)), self._path / "no.env")

    def _read_settings(self, content: bytes) -> None:
        text = content.decode(errors="surrogateescape")
        for name in SPECS:
            try:
                load_settings({name: text}, self._path / "no.env")
            except ConfigError:
                continue

    def _read_camera_list(self, content: bytes) -> None:
        settings = load_settings({"CAMERAS": content.decode(errors="surrogateescape")}, self._path / "no.env")
        parse_cameras(settings.cameras, lambda: False)

    def _read_events(self, content: bytes) -> None:
        store = EventStore(self._write("events.sqlite", content), days=1)
        try:
            store.find(EventsQuery())
        finally:
            store.close()

    def _read_corrections(self, content: bytes) -> None:
        self._write("corrections.sqlite", content)
        CorrectionStore(self._path).fetch(10, 10)

    def _read_keys(self, content: bytes) -> None:
        folder = self._path / "others"
        folder.mkdir(exist_ok=True)
        (folder / "digitcam.key_secret").write_bytes(content)
        load_pair(folder)

    def _read_public_key(self, content: bytes) -> None:
        for name in ("hall", "queue"):
            (self._path / "keys" / f"{name}.key").write_bytes(content)
        list_machines(self._path / "keys")
        PeerAccess(self._path / "keys")
        load_queue_key(self._path / "keys")

    def _read_session_key(self, content: bytes) -> None:
        if len(load_key(self._write("session", content))) != KEY_BYTES:
            raise AssertionError("a key of a wrong length")

    def _read_card(self, content: bytes) -> None:
        self._write("classifier.md", content)
        check_weights(self._path / "classifier.onnx", b"weights")

    def close(self) -> list[str]:
        """Clear away."""
        logging.disable(logging.NOTSET)
        self._folder.cleanup()
        return []

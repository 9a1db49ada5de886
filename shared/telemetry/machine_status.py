"""One port for the probes and metrics of all processes of this machine: for a kubelet, or a Prometheus on another host.

Each process tries to open it (STATUS_PORT). The one that gets it asks the others at their own ports, and when it ends,
another one takes its place.
"""

import errno
import hmac
import logging
import re
import socket
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler
from itertools import groupby
from urllib.parse import urlsplit

from shared.pipeline import Stage
from shared.settings import Settings, is_loopback
from shared.telemetry.health import NotReady, ProbeResult
from shared.telemetry.scraping import ScrapeTarget, fetch, find_targets, parse_probe
from shared.telemetry.status_server import REQUEST_S, StatusServer, respond, respond_json

RETRY_S = 0.5  # how late another process takes over
ANSWER_S = 0.8  # for a process to answer; a kubelet waits for 1 s
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (.+)", re.ASCII)
UP = "digitcam_process_up"
UP_HEAD = (f"# HELP {UP} 1 if a process of this machine answers", f"# TYPE {UP} gauge")


@dataclass(frozen=True, slots=True)
class ProcessAnswer:
    """What a process answered. A process that was killed is still registered, and refuses the connection."""

    target: ScrapeTarget
    body: str = ""  # empty if it did not answer
    is_gone: bool = False


def keep_status_port(settings: Settings, is_over: threading.Event) -> None:
    """Serve at STATUS_HOST and STATUS_PORT until it is over, whenever no other process of this machine does."""
    has_failed = False
    while not is_over.is_set():
        try:
            server = MachineStatusServer(settings)
        except OSError as error:
            if not has_failed and error.errno != errno.EADDRINUSE:  # as a rule by another process of this pipeline
                has_failed = True
                place = f"STATUS_HOST={settings.status_host} STATUS_PORT={settings.status_port}"
                logging.warning("%s can't be served (%s): nothing outside can probe or scrape", place, error.strerror)
            is_over.wait(RETRY_S)
            continue
        with server:
            threading.Thread(target=server.serve_forever, name="machine status", daemon=True).start()
            is_over.wait()
            server.shutdown()


class MachineStatusServer(StatusServer):
    """Answers for all processes that are registered in RUN_DIR."""

    allow_reuse_address = sys.platform != "win32"  # there it would give one port to two processes

    def __init__(self, settings: Settings) -> None:
        """Bind the port. Raises OSError."""
        self.address_family = socket.AF_INET6 if ":" in settings.status_host else socket.AF_INET
        super().__init__((settings.status_host, settings.status_port), make_handler(settings))


def make_handler(settings: Settings) -> type[BaseHTTPRequestHandler]:
    """Return a handler for /livez, /readyz and /metrics.

    With STATUS_TOKEN the probes tell strangers a status and no more, since a kubelet can't keep a secret, and
    /metrics needs the token.
    """
    probes = {"/livez": check_alive, "/readyz": check_ready}

    class MachineStatusHandler(BaseHTTPRequestHandler):
        timeout = REQUEST_S

        def do_GET(self) -> None:
            path, has_token = urlsplit(self.path).path, self.has_token()
            host = self.headers.get("Host", "localhost")
            if not settings.status_token and not is_loopback(urlsplit(f"//{host}").hostname or ""):  # DNS rebinding
                respond_json(self, 403, {"error": "this server answers to 127.0.0.1 and localhost only"})
            elif path in probes:
                result = probes[path](ask_all(find_targets(settings.run_dir), path))
                details = asdict(result) if has_token else {}
                respond_json(self, 200 if result.ok else 503, {"ok": result.ok, **details})
            elif path != "/metrics":
                respond_json(self, 404, {"error": "there are /livez, /readyz and /metrics"})
            elif not has_token:
                respond_json(self, 401, {"error": "send Authorization: Bearer … with STATUS_TOKEN"})
            else:
                body = merge_metrics(ask_all(find_targets(settings.run_dir), path))
                respond(self, 200, METRICS_TYPE, body)

        def has_token(self) -> bool:
            right = f"Bearer {settings.status_token}".encode()
            given = self.headers.get("Authorization", "").encode(errors="replace")
            return not settings.status_token or hmac.compare_digest(given, right)

        def log_message(self, *_: object) -> None:
            """Log nothing: a probe comes every second."""

    return MachineStatusHandler


def ask_all(targets: Sequence[ScrapeTarget], path: str) -> list[ProcessAnswer]:
    """Ask all processes in parallel, so that one that hangs delays no other."""
    with ThreadPoolExecutor(max(1, len(targets))) as threads:
        return list(threads.map(lambda target: ask(target, path), targets))


def ask(target: ScrapeTarget, path: str) -> ProcessAnswer:
    """Ask one process at its own port."""
    try:
        return ProcessAnswer(target, fetch(target, path, ANSWER_S)[1])
    except (OSError, HTTPException) as error:
        return ProcessAnswer(target, is_gone=isinstance(getattr(error, "reason", error), ConnectionRefusedError))


def check_alive(answers: Iterable[ProcessAnswer]) -> ProbeResult:
    """Return whether no process hangs. One that is gone counts as alive, since its supervisor starts it again."""
    problems = find_problems(answer for answer in answers if not answer.is_gone)
    return problems[0] if problems else ProbeResult(None, "no process hangs")


def check_ready(answers: Iterable[ProcessAnswer]) -> ProbeResult:
    """Return whether each stage that runs here has a process that can work."""
    stages = sorted((answer for answer in answers if answer.target.stage != Stage.PROMETHEUS), key=stage_of)
    for _, group in groupby(stages, stage_of):
        members = list(group)
        problems = find_problems(members)
        if len(problems) == len(members):
            return problems[0]
    return ProbeResult(None, "each stage has a process that can work")


def stage_of(answer: ProcessAnswer) -> str:
    return answer.target.stage


def find_problems(answers: Iterable[ProcessAnswer]) -> list[ProbeResult]:
    """Return what keeps processes from being well, each with the name of the process."""
    found = []
    for answer in answers:
        result = parse_probe(answer.body) if answer.body else ProbeResult(NotReady.UNREACHABLE, "it does not answer")
        if not result.ok:
            found.append(ProbeResult(result.reason, f"{answer.target.worker}: {result.message}"))
    return found


def merge_metrics(answers: Iterable[ProcessAnswer]) -> str:
    """Return the samples of all processes in Prometheus' text format, each family once, with stage and worker."""
    heads: dict[str, list[str]] = {UP: list(UP_HEAD)}
    samples: dict[str, list[str]] = {UP: []}
    for answer in answers:
        labels = {"stage": answer.target.stage, "worker": answer.target.worker}
        samples[UP].append(label_sample(f"{UP} {float(bool(answer.body))}", labels))
        family = ""
        for line in answer.body.splitlines():
            if line.startswith("# HELP "):
                family = line.split(" ", 3)[2]
                heads.setdefault(family, []), samples.setdefault(family, [])
            if not line.startswith("#"):
                samples[family].append(label_sample(line, labels))
            elif len(heads[family]) < len(UP_HEAD):
                heads[family].append(line)
    return "\n".join(line for family in heads for line in (*heads[family], *samples[family])) + "\n"


def label_sample(line: str, labels: Mapping[str, str]) -> str:
    """Return a sample with more labels; one that it has already stays (as Prometheus' honor_labels does)."""
    match = SAMPLE.fullmatch(line)
    if not match:
        return line
    name, own, value = match.groups(default="")
    more = [f'{key}="{escape(value)}"' for key, value in labels.items() if not re.search(rf'(?:^|,){key}="', own)]
    return f"{name}{{{','.join([*filter(None, [own]), *more])}}} {value}"


def escape(value: str) -> str:
    """Return a label's value as the text format has it."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

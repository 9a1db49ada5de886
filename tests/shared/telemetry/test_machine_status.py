"""STATUS_PORT: one port for the probes and metrics of all processes of a machine, over real HTTP."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partialmethod
from http.server import ThreadingHTTPServer

import pytest
from prometheus_client.parser import text_string_to_metric_families

from shared.pipeline import Stage
from shared.service.lifecycle import write_scrape_target
from shared.service.signals import scrape_target_path
from shared.settings import ConfigError, Settings, load_settings
from shared.telemetry.health import QUEUE_SILENT, Health, Problem
from shared.telemetry.machine_status import keep_status_port, label_sample
from shared.telemetry.status_server import StatusServer, serve_status
from tests.conftest import MakeSettings
from tests.pipeline.pipeline import find_free_port, wait_for
from tests.shared.telemetry.test_status_server import request

TOKEN = "a secret of status"  # noqa: S105
PROCESSES = {Stage.QUEUE: "queue.1", Stage.INFERENCE: "inference.1"}


class PortKeeper:
    """A process that keeps the port until it ends."""

    def __init__(self, settings: Settings) -> None:
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=keep_status_port, args=(settings, self._is_over))
        self._thread.start()

    def end(self) -> None:
        self._is_over.set()
        self._thread.join()


class Machine:
    """The processes of a machine, as threads of this one, and what its STATUS_PORT answers."""

    def __init__(self, settings: Settings, stack: ExitStack) -> None:
        self.settings, self._stack = settings, stack

    def run(self, stage: Stage, worker: str, problem: Problem | None = None, age_s: float = 0.0) -> None:
        """Run a process that is well, has a problem, or whose loop last turned age_s ago."""
        now = 100.0
        health = Health(lambda: now)
        health.heartbeat(problem)
        now += age_s
        self.register(stage, worker, self._stack.enter_context(serve_status(health)))

    def register(self, stage: Stage, worker: str, port: int) -> None:
        path = scrape_target_path(self.settings.run_dir, worker)
        write_scrape_target(path, port, {"stage": stage, "worker": worker})

    def serve(self) -> "PortKeeper":
        """Let a process keep the port."""
        keeper = PortKeeper(self.settings)
        self._stack.callback(keeper.end)
        wait_for(self.is_served)
        return keeper

    def is_served(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.settings.status_port)) == 0

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        return request(self.settings.status_port, path, **headers)

    def probe(self, path: str) -> tuple[int, str]:
        """Return the status and the sentence."""
        status, text = self.get(path)
        return status, json.loads(text)["message"]


@pytest.fixture(autouse=True)
def no_wait_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers look every 10 ms, instead of 500, whether they are to end."""
    monkeypatch.setattr(StatusServer, "serve_forever", partialmethod(ThreadingHTTPServer.serve_forever, 0.01))


@contextmanager
def run_machine(settings: Settings) -> Iterator[Machine]:
    with ExitStack() as stack:
        machine = Machine(settings, stack)
        for stage, worker in PROCESSES.items():
            machine.run(stage, worker)
        yield machine


@pytest.fixture
def machine(make_settings: MakeSettings) -> Iterator[Machine]:
    with run_machine(make_settings(STATUS_PORT=find_free_port())) as machine:
        machine.serve()
        yield machine


def test_machine_without_a_problem_is_alive_and_ready(machine: Machine) -> None:
    assert machine.probe("/livez") == (200, "no process hangs")
    assert machine.probe("/readyz") == (200, "each stage has a process that can work")


def test_stage_without_a_process_that_can_work_is_not_ready(machine: Machine) -> None:
    machine.run(Stage.PREPROCESS, "preprocess.1", QUEUE_SILENT)
    assert machine.probe("/readyz") == (503, "preprocess.1: the queue does not answer")
    assert machine.probe("/livez")[0] == 200
    machine.run(Stage.PREPROCESS, "preprocess.2")
    assert machine.probe("/readyz")[0] == 200


def test_process_that_hangs_is_not_alive(machine: Machine) -> None:
    machine.run(Stage.INFERENCE, "inference.2", age_s=9.0)
    assert machine.probe("/livez") == (503, "inference.2: its loop turned 9.0 s ago")
    assert machine.probe("/readyz")[0] == 200


def test_process_that_does_not_answer_is_not_alive(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.telemetry.machine_status.ANSWER_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        machine.register(Stage.DISPLAY, "display.1", silent.getsockname()[1])
        assert machine.probe("/livez") == (503, "display.1: it does not answer")


def test_process_that_is_gone_is_left_to_its_supervisor(machine: Machine) -> None:
    machine.register(Stage.DISPLAY, "display.1", find_free_port())
    assert machine.probe("/livez")[0] == 200
    assert machine.probe("/readyz") == (503, "display.1: it does not answer")


def test_prometheus_that_is_not_installed_is_no_problem(machine: Machine) -> None:
    machine.run(Stage.PROMETHEUS, "prometheus.1", QUEUE_SILENT)
    assert machine.probe("/readyz")[0] == 200


def test_metrics_of_all_processes_are_one_valid_page(machine: Machine) -> None:
    machine.register(Stage.DISPLAY, "display.1", find_free_port())
    status, text = machine.get("/metrics")
    families = list(text_string_to_metric_families(text))
    assert status == 200
    assert len({family.name for family in families}) == len(families)
    samples = [sample for family in families for sample in family.samples]
    up = {sample.labels["worker"]: sample.value for sample in samples if sample.name == "digitcam_process_up"}
    assert up == {"queue.1": 1, "inference.1": 1, "display.1": 0}
    heartbeats = {
        (sample.labels["stage"], sample.labels["worker"])
        for sample in samples
        if sample.name == "digitcam_heartbeat_age_seconds"
    }
    assert heartbeats == set(PROCESSES.items())


@pytest.mark.parametrize(
    ("line", "labelled"),
    [
        ("a 1.0", 'a{stage="queue",worker="q\\"1"} 1.0'),
        ('a{camera="b"} 1.0', 'a{camera="b",stage="queue",worker="q\\"1"} 1.0'),
        (
            'a_total{stage="inference",camera="} x"} 2e-05',
            'a_total{stage="inference",camera="} x",worker="q\\"1"} 2e-05',
        ),
        ('a{backstage="x"} 1.0', 'a{backstage="x",stage="queue",worker="q\\"1"} 1.0'),
        ("", ""),
    ],
)
def test_label_is_added_unless_the_sample_has_it(line: str, labelled: str) -> None:
    assert label_sample(line, {"stage": "queue", "worker": 'q"1'}) == labelled


def test_another_process_takes_over_when_the_one_that_serves_ends(make_settings: MakeSettings) -> None:
    with run_machine(make_settings(STATUS_PORT=find_free_port())) as machine:
        first = machine.serve()
        machine.serve()
        first.end()
        wait_for(machine.is_served)
        assert machine.probe("/livez")[0] == 200


def test_strangers_learn_a_status_and_no_more(make_settings: MakeSettings) -> None:
    settings = make_settings(STATUS_HOST="0.0.0.0", STATUS_PORT=find_free_port(), STATUS_TOKEN=TOKEN)
    with run_machine(settings) as machine:
        machine.serve()
        machine.run(Stage.CAPTURE, "capture.hall", QUEUE_SILENT)
        assert machine.get("/livez") == (200, '{"ok": true}\n')
        assert machine.get("/readyz", Host="10.1.2.3:9101") == (503, '{"ok": false}\n')
        assert machine.get("/metrics")[0] == 401
        assert machine.get("/metrics", Authorization="Bearer another secret 1")[0] == 401
        right = {"Authorization": f"Bearer {TOKEN}"}
        assert "digitcam_process_up" in machine.get("/metrics", **right)[1]
        assert "the queue does not answer" in machine.get("/readyz", **right)[1]
        assert machine.get("/trace?seconds=5", **right)[0] == 404


def test_page_of_another_host_gets_nothing(machine: Machine) -> None:
    for path in ("/metrics", "/readyz"):
        assert machine.get(path, Host="evil.example")[0] == 403
        assert machine.get(path, Host="localhost:1")[0] == 200


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"STATUS_HOST": "0.0.0.0", "STATUS_PORT": "9101"}, "STATUS_HOST=0.0.0.0 lets other machines in"),
        ({"STATUS_HOST": "0.0.0.0", "STATUS_TOKEN": TOKEN}, "STATUS_PORT is 0, so nothing listens"),
        ({"STATUS_TOKEN": "short"}, "STATUS_TOKEN is not right: it takes at least 16 characters"),
    ],
)
def test_port_that_would_be_open_to_all_or_to_nobody_is_one_sentence(values: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        load_settings(values)


def test_address_that_cannot_be_served_is_one_sentence(
    make_settings: MakeSettings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.telemetry.machine_status.RETRY_S", 0.01)
    settings = make_settings(STATUS_HOST="192.0.2.7", STATUS_PORT=9101, STATUS_TOKEN=TOKEN)
    keeper = PortKeeper(settings)
    wait_for(lambda: caplog.records)
    threading.Event().wait(0.05)  # in which it tries again
    keeper.end()
    (record,) = caplog.records
    assert "STATUS_HOST=192.0.2.7 STATUS_PORT=9101 can't be served (Cannot assign requested" in record.getMessage()

"""The faults: what each does to a pipeline, and how soon all cameras must be read again."""

import random
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import psutil

from benchmarks.chaos.hostile_camera import CameraHarm, serve_hostile_camera
from benchmarks.chaos.slow_viewers import connect_viewers
from benchmarks.chaos.victim import CAMERAS, HELPER, HONCHO, SUPERVISOR, WORKERS, VictimPipeline
from shared.cameras.added_cameras import ADDED_CAMERAS_FILE, make_added_camera, write_added_cameras
from shared.pipeline import WORKER_STAGES, Stage

WORKER_S, QUEUE_S, HANG_S, STORM_S, END_S = 2.0, 3.0, 5.0, 3.0, 2.0  # bounds
START_S = 10.0  # until a pipeline that was hurt while it started reads
PAUSE_S = 1.5  # of a process that is stopped and continues, which is not a hang
STORM_LASTS_S = 4.0
WATCHED_S = 4.0  # a hostile camera, and slow viewers
ENOUGH = 0.95  # of the readings a second before
SLOW_VIEWERS = 10
CLOCK_HOURS = (24, -24, 0)  # ahead of the true time
STATE_FILES = {"events.sqlite", ADDED_CAMERAS_FILE}
DAMAGE = b"no database, and no list of cameras\n" * 200
QUEUE, DISPLAY = f"{Stage.QUEUE}.1", f"{Stage.DISPLAY}.1"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a fault led to: how long readings were disturbed, and what else is wrong, if anything."""

    took_s: float
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: its kind, the processes it hits, and the bound for its recovery."""

    kind: str
    targets: tuple[str, ...]
    bound_s: float
    inject: Callable[[VictimPipeline, "Fault"], Recovery]
    ends_pipeline: bool = False  # it may

    @property
    def hits_queue(self) -> bool:
        """Whether the queue's counters begin again."""
        return QUEUE in self.targets

    def __str__(self) -> str:
        return f"{self.kind} {' + '.join(self.targets)}".strip()


def plan_faults(chance: random.Random) -> Iterator[Fault]:
    """Yield faults without end: in each round every kind on every process, in another order."""
    while True:
        faults = [*plan_each_worker(), *plan_several(chance), *plan_surroundings()]
        chance.shuffle(faults)
        ends = plan_ends(chance)
        chance.shuffle(ends)
        for number, fault in enumerate(faults):
            yield fault
            if number % 6 == 5 and ends:  # the pipeline has to start again, which takes time
                yield ends.pop()


def list_kinds() -> frozenset[str]:
    """Return the kinds of all faults; chance chooses some of them for each round."""
    return frozenset(fault.kind for fault in islice(plan_faults(random.Random(0)), 2000))  # noqa: S311 - no secret


def plan_each_worker() -> list[Fault]:
    """Return the faults of single workers."""
    return [
        Fault(kind, (worker,), max(bound_s, QUEUE_S) if worker == QUEUE else bound_s, inject)
        for worker in WORKERS
        for kind, bound_s, inject in (
            ("kill", WORKER_S, kill),
            ("term", WORKER_S, terminate),
            ("stop", WORKER_S, pause),
            ("hang", HANG_S, hang),
        )
    ]


def plan_several(chance: random.Random) -> list[Fault]:
    """Return the faults of several processes at once, storms, and signals that nobody should send."""
    groups = [tuple(chance.sample(WORKERS, chance.choice([2, 3, 4]))) for _ in range(4)]
    stages = [stage for stage in Stage if stage is not Stage.PROMETHEUS]
    stormed = [f"{Stage.CAPTURE}.{CAMERAS[0]}", *(f"{stage}.1" for stage in stages if stage is not Stage.CAPTURE)]
    numbers = [signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGSEGV, signal.SIGABRT]
    signalled = zip(chance.sample(numbers, 3), chance.sample(WORKERS, 3), strict=True)
    return [
        *(Fault("several", group, QUEUE_S, chance.choice([kill, terminate])) for group in groups),
        Fault("all", WORKERS, QUEUE_S, kill),
        *(Fault("storm", (worker,), STORM_S, storm) for worker in stormed),
        *(Fault("supervisor stopped", (f"{SUPERVISOR}.{stage}",), QUEUE_S, stop_supervisor) for stage in stages),
        Fault("helper stopped", (f"{HELPER}.{chance.choice(stages)}",), WORKER_S, pause),
        Fault("honcho stopped", (HONCHO,), WORKER_S, pause),
        *(Fault(f"{number.name} of a worker", (worker,), QUEUE_S, signal_by(number)) for number, worker in signalled),
    ]


def plan_surroundings() -> list[Fault]:
    """Return the faults of what is around the processes: disk, descriptors, files, clock, cameras, viewers."""
    scaled = [f"{stage}.1" for stage in WORKER_STAGES]
    return [
        *(Fault("full disk", (worker,), WORKER_S, fill_disk) for worker in [*scaled, DISPLAY]),
        *(Fault("descriptors used up", (worker,), WORKER_S, use_up_descriptors) for worker in (DISPLAY, QUEUE)),
        *(Fault("damaged state", (DISPLAY,), WORKER_S, damage_state(damage)) for damage in (write_damage, put_folder)),
        *(Fault("clock set", (f"{hours:+d} h",), WORKER_S, set_clock(hours)) for hours in CLOCK_HOURS),
        *(Fault("hostile camera", (harm,), WORKER_S, add_hostile_camera) for harm in CameraHarm),
        Fault("slow viewers", (), WORKER_S, add_slow_viewers),
    ]


def plan_ends(chance: random.Random) -> list[Fault]:
    """Return the faults that end a pipeline, each to be followed by a new one, which is hurt while it starts."""
    numbers = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
    stages = [stage for stage in Stage if stage is not Stage.PROMETHEUS]
    above = [f"{role}.{stage}" for role in (HELPER, SUPERVISOR) for stage in stages]
    killed, told = chance.sample(above, 4), chance.sample(above[len(stages) :], 2)  # honcho's helpers ignore SIGTERM
    return [
        *(
            Fault(f"{number.name} of honcho", (HONCHO,), END_S, end_by(number), ends_pipeline=True)
            for number in numbers
        ),
        *(Fault("SIGKILL above a worker", (one,), END_S, end_by(signal.SIGKILL), ends_pipeline=True) for one in killed),
        *(Fault("SIGTERM above a worker", (one,), END_S, end_by(signal.SIGTERM), ends_pipeline=True) for one in told),
    ]


def send_signal(victim: VictimPipeline, targets: Sequence[str], number: signal.Signals) -> dict[str, psutil.Process]:
    """Send a signal to processes, and return them. Raises LookupError if one is not there."""
    found = {name: process for name, process in victim.find_processes().items() if name in targets}
    missing = set(targets) - found.keys()
    if missing:
        raise LookupError(f"there is no {', '.join(missing)}")
    for process in found.values():
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
    return found


def watch_recovery(victim: VictimPipeline, began_at: float, bound_s: float, settle_s: float = 1.0) -> Recovery:
    """Wait until all cameras are read steadily and all processes run; return how long that took."""
    patience_s = 3 * bound_s + 5.0
    time.sleep(max(0.0, began_at + settle_s - time.monotonic()))
    while (now := time.monotonic()) < began_at + patience_s:
        if victim.watcher.is_reading(now, began_at) and victim.is_complete():
            return Recovery(victim.watcher.find_recovery_s(began_at, now))
        time.sleep(0.05)
    return Recovery(float("inf"), "no recovery")


def signal_by(number: signal.Signals) -> Callable[[VictimPipeline, Fault], Recovery]:
    """Return what sends a signal to processes that are then to be replaced, or to go on."""

    def inject(victim: VictimPipeline, fault: Fault) -> Recovery:
        began_at = time.monotonic()
        send_signal(victim, fault.targets, number)
        return watch_recovery(victim, began_at, fault.bound_s)

    return inject


kill, terminate = signal_by(signal.SIGKILL), signal_by(signal.SIGTERM)


def pause(victim: VictimPipeline, fault: Fault) -> Recovery:
    """Stop processes for a moment."""
    stopped = send_signal(victim, fault.targets, signal.SIGSTOP)
    time.sleep(PAUSE_S)
    began_at = time.monotonic()
    for process in stopped.values():
        with suppress(psutil.NoSuchProcess):
            process.resume()
    return watch_recovery(victim, began_at, fault.bound_s)


def hang(victim: VictimPipeline, fault: Fault) -> Recovery:
    """Stop processes for ever: others must take their place."""
    began_at = time.monotonic()
    stopped = send_signal(victim, fault.targets, signal.SIGSTOP)
    recovery = watch_recovery(victim, began_at, fault.bound_s, settle_s=3.0)
    left = [name for name, process in stopped.items() if process.is_running()]
    return Recovery(recovery.took_s, f"not replaced: {', '.join(left)}" if left else recovery.problem)


def storm(victim: VictimPipeline, fault: Fault) -> Recovery:
    """Kill a worker as soon as it is back, for a while; the time counts from the last kill."""
    ends_at, killed = time.monotonic() + STORM_LASTS_S, set()
    began_at = time.monotonic()
    while time.monotonic() < ends_at:
        for process in (process for name, process in victim.find_processes().items() if name in fault.targets):
            if process.pid not in killed:
                killed.add(process.pid)
                began_at = time.monotonic()
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        time.sleep(0.05)
    return watch_recovery(victim, began_at, fault.bound_s)


def stop_supervisor(victim: VictimPipeline, fault: Fault) -> Recovery:
    """Stop a supervisor and kill one of its workers; the time counts from when the supervisor continues."""
    stage = fault.targets[0].partition(".")[2]
    worker = next(name for name in WORKERS if name.startswith(f"{stage}."))
    stopped = send_signal(victim, fault.targets, signal.SIGSTOP)
    send_signal(victim, [worker], signal.SIGKILL)
    time.sleep(PAUSE_S)
    began_at = time.monotonic()
    for process in stopped.values():
        process.resume()
    return watch_recovery(victim, began_at, fault.bound_s)


def fill_disk(victim: VictimPipeline, fault: Fault) -> Recovery:
    """Let no process write to a file, as on a full disk, and kill a worker. Later there is room again."""
    limit_files(victim, 0)
    began_at = time.monotonic()
    send_signal(victim, fault.targets, signal.SIGKILL)
    recovery = watch_recovery(victim, began_at, fault.bound_s)
    limit_files(victim, resource.RLIM_INFINITY)
    is_back = victim.wait(lambda: all(map(victim.has_target, fault.targets)), 8.0) < float("inf")
    return Recovery(recovery.took_s, recovery.problem or ("" if is_back else "its scrape target did not come back"))


def limit_files(victim: VictimPipeline, size_bytes: int) -> None:
    """Set how large files may become that a process writes; not honcho, whose output is a file here."""
    for name, process in victim.find_processes().items():
        if name == HONCHO or name.startswith(HELPER):
            continue
        with suppress(ProcessLookupError):
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))


def use_up_descriptors(victim: VictimPipeline, fault: Fault) -> Recovery:
    """Let a process open no more files or connections for a while, and try to connect meanwhile."""
    process = victim.find_processes()[fault.targets[0]]
    soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (process.num_fds(), hard))
    if QUEUE in fault.targets:  # a camera that comes back connects again, and has a new ring
        send_signal(victim, [WORKERS[0]], signal.SIGKILL)
    with ExitStack() as stack:
        for _ in range(SLOW_VIEWERS):
            with suppress(OSError):
                stack.enter_context(closing(socket.create_connection(("127.0.0.1", victim.port), 0.3)))
        time.sleep(PAUSE_S)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (soft, hard))
        began_at = time.monotonic()
    recovery = watch_recovery(victim, began_at, fault.bound_s)
    return Recovery(recovery.took_s, recovery.problem or ("" if process.is_running() else "the process ended"))


def write_damage(path: Path) -> None:
    """Put what is no database and no list in the place of a file."""
    path.write_bytes(DAMAGE)


def put_folder(path: Path) -> None:
    """Put a folder in the place of a file."""
    path.unlink(missing_ok=True)
    path.mkdir()


def damage_state(damage: Callable[[Path], None]) -> Callable[[VictimPipeline, Fault], Recovery]:
    """Return what damages every file that a run leaves for the next, and kills the process that opens them."""

    def inject(victim: VictimPipeline, fault: Fault) -> Recovery:
        for old in victim.run_dir.glob("*.broken-*"):
            old.rename(old.with_name(f"earlier-{old.name}".replace("broken", "damaged")))
        began_at = time.monotonic()
        send_signal(victim, fault.targets, signal.SIGKILL)
        (victim.run_dir / "events.sqlite-wal").unlink(missing_ok=True)  # SQLite would mend the file from its log
        for name in STATE_FILES:
            damage(victim.run_dir / name)
        recovery = watch_recovery(victim, began_at, fault.bound_s)
        aside = {path.name.partition(".broken-")[0] for path in victim.run_dir.glob("*.broken-*")}
        missing = STATE_FILES - aside
        return Recovery(
            recovery.took_s, recovery.problem or (f"not set aside: {', '.join(missing)}" if missing else "")
        )

    return inject


def set_clock(hours: int) -> Callable[[VictimPipeline, Fault], Recovery]:
    """Return what sets the wall clock and kills a capture process, which begins to number its frames by it."""

    def inject(victim: VictimPipeline, fault: Fault) -> Recovery:
        victim.clock.set_ahead(3600.0 * hours)
        began_at = time.monotonic()
        send_signal(victim, [WORKERS[0]], signal.SIGKILL)
        return watch_recovery(victim, began_at, fault.bound_s)

    return inject


def add_hostile_camera(victim: VictimPipeline, fault: Fault) -> Recovery:
    """Add a camera that harms; the other cameras must not notice."""
    with serve_hostile_camera(CameraHarm(fault.targets[0])) as address:
        write_added_cameras(victim.run_dir, {"hostile": make_added_camera("hostile", address)})
        victim.wait(lambda: f"{Stage.CAPTURE}.hostile" in victim.find_processes(), 5.0)
        recovery = compare_rates(victim)
        write_added_cameras(victim.run_dir, {})
        victim.wait(lambda: f"{Stage.CAPTURE}.hostile" not in victim.find_processes(), 5.0)
    return recovery


def add_slow_viewers(victim: VictimPipeline, _: Fault) -> Recovery:
    """Connect viewers that read nothing; the others must not notice."""
    with connect_viewers(victim.port, SLOW_VIEWERS) as let_in:
        recovery = compare_rates(victim)
    return Recovery(recovery.took_s, recovery.problem or ("" if let_in else "no viewer was let in"))


def compare_rates(victim: VictimPipeline) -> Recovery:
    """Compare the readings a second from here with those of the time before."""
    began_at = time.monotonic()
    before = victim.watcher.count_readings(began_at - WATCHED_S, began_at)
    time.sleep(WATCHED_S)
    share = victim.watcher.count_readings(began_at, began_at + WATCHED_S) / max(1, before)
    recovery_s = victim.watcher.find_recovery_s(began_at, time.monotonic())
    return Recovery(recovery_s, "" if share >= ENOUGH else f"{100 * share:.0f} % of the readings were left")


def end_by(number: signal.Signals) -> Callable[[VictimPipeline, Fault], Recovery]:
    """Return what sends a signal that ends the pipeline, and measures until nothing of it is left."""

    def inject(victim: VictimPipeline, fault: Fault) -> Recovery:
        began_at = time.monotonic()
        send_signal(victim, fault.targets, number)
        victim.wait(lambda: not victim.list_processes(), fault.bound_s)
        late = sorted(victim.find_processes())
        victim.wait(lambda: not victim.list_processes(), 2 * fault.bound_s + 5.0)
        return Recovery(time.monotonic() - began_at, f"late: {', '.join(late)}" if late else "")

    return inject

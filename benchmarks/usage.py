"""CPU time and memory of processes, summed by stage."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """CPU time since the start, and memory, of each kind of process."""

    at: float  # time.monotonic()
    cpu_s: Mapping[str, float]
    rss_bytes: Mapping[str, int]


def measure_usage(*roots: psutil.Process) -> ProcessUsage:
    """Return the usage of processes and their descendants, and under "bench" the CPU time of this process."""
    cpu_s = {"bench": time.process_time()}
    rss_bytes: dict[str, int] = {}
    for process in list_process_trees(roots):
        try:
            with process.oneshot():
                name, times, memory = name_process(process.cmdline()), process.cpu_times(), process.memory_info()
        except psutil.NoSuchProcess:
            continue
        cpu_s[name] = cpu_s.get(name, 0.0) + times.user + times.system
        rss_bytes[name] = rss_bytes.get(name, 0) + memory.rss
    return ProcessUsage(time.monotonic(), cpu_s, rss_bytes)


def list_process_trees(roots: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Return processes and their descendants, without those that have just exited."""
    found = []
    for root in roots:
        try:
            found += [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
    return found


def name_process(command: list[str]) -> str:
    """Return the stage of a process, or "parents" for honcho and the supervisors."""
    for word in command:
        if word.startswith("services."):
            return word.removeprefix("services.")
        if word.startswith("benchmarks."):
            return word.rpartition("_")[2]  # benchmarks.slow_inference replaces inference
    return "parents"


def compute_cpu_rates(before: ProcessUsage, after: ProcessUsage) -> dict[str, float]:
    """Return CPU seconds per second by kind of process."""
    elapsed_s = after.at - before.at
    return {name: (cpu_s - before.cpu_s.get(name, 0.0)) / elapsed_s for name, cpu_s in after.cpu_s.items()}


def measure_pss(*roots: psutil.Process) -> int:
    """Return the memory of processes and their descendants in bytes, each shared page counted once; 0 if unknown."""
    total = 0
    for process in list_process_trees(roots):
        try:
            total += getattr(process.memory_full_info(), "pss", 0)
        except psutil.Error:
            continue
    return total

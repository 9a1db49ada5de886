"""What processes spend: CPU time and memory, by what each of them is."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Spending:
    """What each part of a program has spent up to a moment; the processes of one kind are added up."""

    at: float  # time.monotonic()
    cpu_s: Mapping[str, float]
    rss_bytes: Mapping[str, int]


def look(*roots: psutil.Process) -> Spending:
    """What processes and all below them have spent, and as "bench" the CPU time of this one."""
    cpu_s = {"bench": time.process_time()}
    rss_bytes: dict[str, int] = {}
    for process in families(roots):
        try:
            with process.oneshot():
                name, times, memory = name_of(process.cmdline()), process.cpu_times(), process.memory_info()
        except psutil.NoSuchProcess:
            continue
        cpu_s[name] = cpu_s.get(name, 0.0) + times.user + times.system
        rss_bytes[name] = rss_bytes.get(name, 0) + memory.rss
    return Spending(time.monotonic(), cpu_s, rss_bytes)


def families(roots: Iterable[psutil.Process]) -> list[psutil.Process]:
    """The processes and all below them, those that have just ended left out."""
    found = []
    for root in roots:
        try:
            found += [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
    return found


def name_of(words: list[str]) -> str:
    """What a process of the pipeline is: a stage, or "parents", which start the stages and keep them alive."""
    for word in words:
        if word.startswith("services."):
            return word.removeprefix("services.")
        if word.startswith("benchmarks."):
            return word.rpartition("_")[2]  # benchmarks.slow_inference stands in for inference
    return "parents"


def cpu_rates(before: Spending, after: Spending) -> dict[str, float]:
    """CPU seconds a second, by part."""
    elapsed = after.at - before.at
    return {name: (cpu_s - before.cpu_s.get(name, 0.0)) / elapsed for name, cpu_s in after.cpu_s.items()}


def measure_pss(*roots: psutil.Process) -> int:
    """The memory of processes and all below them, each shared page counted once; 0 where the system does not tell."""
    total = 0
    for process in families(roots):
        try:
            total += getattr(process.memory_full_info(), "pss", 0)
        except psutil.Error:
            continue
    return total

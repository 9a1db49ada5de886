"""Hosts as namespaces: each has its own network and clock. A link can be cut, and an address can lead elsewhere."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

NETWORK = "10.77.0"
SERVICE = "10.77.9.9"  # an address that leads to whichever host runs the queue, as a Service of Kubernetes does
END_WITHIN_S = 3.0


def run(command: str) -> None:
    """Run a command. Raises subprocess.CalledProcessError with its output."""
    subprocess.run(command.split(), check=True, capture_output=True, text=True)


def find_obstacle() -> str:
    """Return why this machine can't have such hosts; empty if it can."""
    missing = [name for name in ("ip", "unshare", "iptables") if not shutil.which(name)]
    if missing:
        return f"{', '.join(missing)} is missing: apt install iproute2 util-linux iptables"
    if os.geteuid() != 0:
        return "namespaces need root"
    name = f"digitcam-{os.getpid()}-try"
    try:
        run(f"ip netns add {name}")
        run(f"ip netns exec {name} unshare -u -T --monotonic 5 true")
        run(f"ip netns exec {name} iptables -t nat -L")
    except subprocess.CalledProcessError as error:
        return f"this system has no such namespaces ({error.stderr.strip().splitlines()[-1]})"
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
    return ""


class Network:
    """A switch and its hosts. All of it is removed at the end."""

    def __init__(self, clocks: Mapping[str, int]) -> None:
        """Make hosts by name, each with a clock that is so many seconds off."""
        self._prefix = f"digitcam-{os.getpid()}-"
        self._clocks = clocks
        self._numbers = {host: number for number, host in enumerate(clocks, 1)}
        self._processes: list[subprocess.Popen[bytes]] = []
        try:
            self._make_switch()
            for host in clocks:
                self._make_host(host)
        except BaseException:
            self.close()
            raise

    def _make_switch(self) -> None:
        switch = self._prefix + "switch"
        for command in ("netns add {}", "-n {} link add bridge0 type bridge", "-n {} link set bridge0 up"):
            run("ip " + command.format(switch))

    def _make_host(self, host: str) -> None:
        space, switch, number = self._prefix + host, self._prefix + "switch", self._numbers[host]
        run(f"ip netns add {space}")
        run(f"ip link add eth0 netns {space} type veth peer name port{number} netns {switch}")
        run(f"ip -n {switch} link set port{number} master bridge0 up")
        run(f"ip -n {space} addr add {NETWORK}.{number}/24 dev eth0")
        for device in ("eth0", "lo"):
            run(f"ip -n {space} link set {device} up")
        run(f"ip -n {space} route add {SERVICE} dev eth0")

    def cut(self, host: str) -> None:
        """Take a host off the network: it cannot say a word any more, nor can anybody reach it."""
        run(f"ip -n {self._prefix}switch link set port{self._numbers[host]} down")

    def mend(self, host: str) -> None:
        """Connect a host again."""
        run(f"ip -n {self._prefix}switch link set port{self._numbers[host]} up")

    def lead_service_to(self, host: str, port: int) -> None:
        """Let new connections to SERVICE end at a host. Those that exist go on as before, as with kube-proxy."""
        for space in map(self._prefix.__add__, self._clocks):
            run(f"ip netns exec {space} iptables -t nat -F OUTPUT")
            target = f"--to-destination {NETWORK}.{self._numbers[host]}:{port}"
            run(f"ip netns exec {space} iptables -t nat -A OUTPUT -d {SERVICE} -p tcp --dport {port} -j DNAT {target}")

    def start(self, host: str, command: Sequence[str], folder: Path, **environment: str) -> subprocess.Popen[bytes]:
        """Start a program on a host, in a folder of its own, with its clock; its output goes to a file there."""
        folder.mkdir(parents=True, exist_ok=True)
        seconds = str(self._clocks[host])
        clock = ["unshare", "-u", "-T", "--monotonic", seconds, "--boottime", seconds]
        named = ["sh", "-c", f'hostname {host}; exec "$@"', "sh", *command]
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self._prefix + host, *clock, *named],
                cwd=folder,
                env=os.environ | environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def stop_all(self) -> None:
        """End all programs that were started here."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in self._processes:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
            for process in self._processes:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(END_WITHIN_S)
        self._processes.clear()

    def close(self) -> None:
        """End all programs and remove all hosts."""
        self.stop_all()
        for host in (*self._clocks, "switch"):
            subprocess.run(["ip", "netns", "del", self._prefix + host], check=False, capture_output=True)

"""python -m tests.containers.cluster FOLDER: a node vanishes under a real Kubernetes, and its cell reads elsewhere.

FOLDER holds what build_kubernetes.sh built. Needs root, podman, kubectl 1.21 or newer, and the image that `make
containers` builds. Exits with 1 if the cell is late.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.containers import engine
from tests.containers.__main__ import image_name
from tests.containers.engine import BUILD, ROOT, podman
from tests.containers.expect import expect, wait_for

SCRIPT = Path(__file__).with_name("cluster.sh")
PAUSE = "localhost/pause:1"  # holds the namespaces of a pod
TOKENS = {"WEB_TOKEN": secrets.token_hex(16), "STATUS_TOKEN": secrets.token_hex(16)}
TOLERATION_S = 5
LATE_AFTER_S = TOLERATION_S + 10
UNREACHABLE = "node.kubernetes.io/unreachable"
POLL_S = 0.2
WATCH_S = 180.0  # Kubernetes notices a silent node after 40 s, and taints it after some more


def main() -> int:
    """Run the check and return the exit code."""
    parser = argparse.ArgumentParser("python -m tests.containers.cluster", description="Move a cell off a silent node.")
    parser.add_argument("folder", type=Path, help="what build_kubernetes.sh made")
    folder: Path = parser.parse_args().folder.absolute()
    engine.configure()
    save_images(folder / "images")
    os.environ["KUBECONFIG"] = str(folder / "cluster" / "kubeconfig")
    try:
        subprocess.run([SCRIPT, "up", folder], check=True, stdout=subprocess.DEVNULL)
        print(f"two nodes are ready: {', '.join(kubectl('get', 'nodes', '--output=name').split())}")
        run_cell()
    except AssertionError as error:
        print(f"failed: {error}")
        print(kubectl("get", "pods", "--output=wide"), kubectl("describe", "pods")[-3000:], sep="\n")
        return 1
    finally:
        subprocess.run([SCRIPT, "down", folder], check=True)
    return 0


def save_images(folder: Path) -> None:
    """Save the image of the cell and the one that holds a pod's namespaces as archives for containerd."""
    folder.mkdir(parents=True, exist_ok=True)
    context = BUILD / "pause"
    context.mkdir(parents=True, exist_ok=True)
    (context / "pause").write_bytes(Path("/usr/bin/catatonit").read_bytes())
    (context / "pause").chmod(0o755)
    (context / "Dockerfile").write_text('FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause", "-P"]\n')
    podman("build", "--quiet", "--tag", PAUSE, str(context))
    for name, image in (("pause", PAUSE), ("cell", image_name("runtime"))):
        archive = folder / f"{name}.tar"
        archive.unlink(missing_ok=True)
        podman("save", "--quiet", "--output", str(archive), image)


def kubectl(*words: str, text: str = "") -> str:
    """Run kubectl, which may be newer than this Kubernetes, and return what it printed."""
    done = subprocess.run(["kubectl", *words], cwd=ROOT, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"kubectl {words[0]}: {done.stderr}")
    return done.stdout


def list_pods() -> list[dict[str, Any]]:
    """Return the pods of the cell, the oldest first."""
    pods = json.loads(kubectl("get", "pods", "--output=json", "--selector=app.kubernetes.io/name=cell"))["items"]
    return sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))


def read_numbers(pod: dict[str, Any]) -> str:
    """Return the numbers that a pod reads, asked from its own node; empty while it reads none."""
    address, node = pod["status"].get("podIP", ""), pod["spec"].get("nodeName", "")
    if not address:
        return ""
    url = f"http://{address}:8000/api/readings"
    curl = ["curl", "--silent", "--max-time", "1", "--header", f"Authorization: Bearer {TOKENS['WEB_TOKEN']}", url]
    answer = subprocess.run(["nsenter", f"--net=/run/netns/{node}", *curl], capture_output=True, text=True, check=False)
    readings = json.loads(answer.stdout)["readings"] if answer.stdout.startswith("{") else []
    return ", ".join(number["text"] for reading in readings for number in reading["numbers"])


def list_taints(node: str) -> list[str]:
    """Return the taints that say that a node does not answer."""
    taints = json.loads(kubectl("get", "node", node, "--output=json"))["spec"].get("taints", [])
    return [taint["effect"] for taint in taints if taint["key"] == UNREACHABLE]


def run_cell() -> None:
    """Start a cell, cut its node off, and wait until its replacement reads."""
    kubectl(
        "create", "secret", "generic", "digitcam", *(f"--from-literal={name}={text}" for name, text in TOKENS.items())
    )
    kubectl("apply", "--validate=false", "--filename=-", text=kubectl("kustomize", "docker/kubernetes/base"))
    applied_at = time.monotonic()
    (pod,) = wait_for("pod with a node", lambda: [pod for pod in list_pods() if pod["spec"].get("nodeName")])
    node, first = pod["spec"]["nodeName"], pod["metadata"]["name"]
    print(f"{first} is scheduled on {node} {time.monotonic() - applied_at:.1f} s after kubectl apply")
    text = wait_for("reading", lambda: read_numbers(list_pods()[0]))
    print(f"it reads {text} after {time.monotonic() - applied_at:.1f} s")
    wait_for("readiness", lambda: is_ready(list_pods()[0]))
    print(f"its /readyz made it ready after {time.monotonic() - applied_at:.1f} s")
    subprocess.run(["ip", "link", "set", f"veth-{node[-1]}", "down"], check=True)
    cut_at = time.monotonic()
    print(f"the link of {node} is cut")
    wait_for("taint", lambda: "NoExecute" in list_taints(node), WATCH_S)
    tainted_at = time.monotonic()
    print(f"Kubernetes calls it unreachable {tainted_at - cut_at:.1f} s later; tolerationSeconds is {TOLERATION_S}")
    second = wait_for(
        "replacement", lambda: next((pod for pod in list_pods() if is_replacement(pod, node)), {}), WATCH_S
    )
    name = second["metadata"]["name"]
    print(f"{name} is scheduled on {second['spec']['nodeName']} {time.monotonic() - tainted_at:.1f} s after that")
    wait_for("reading of the replacement", lambda: read_numbers(find_pod(name)))
    took_s = time.monotonic() - tainted_at
    print(f"it reads {took_s:.1f} s after that, {time.monotonic() - cut_at:.1f} s after the cut")
    expect(f"not later than tolerationSeconds + 10 s = {LATE_AFTER_S} s", took_s < LATE_AFTER_S)
    subprocess.run(["ip", "link", "set", f"veth-{node[-1]}", "up"], check=True)
    healed_at = time.monotonic()
    wait_for("end of the first pod", lambda: len(list_pods()) == 1, WATCH_S)
    print(f"the link is back: {first} has ended {time.monotonic() - healed_at:.1f} s later")


def is_replacement(pod: dict[str, Any], node: str) -> bool:
    """Return whether a pod runs on another node."""
    return bool(pod["spec"].get("nodeName", node) != node)


def is_ready(pod: dict[str, Any]) -> bool:
    """Return whether its probes have made a pod ready."""
    conditions: dict[str, str] = {one["type"]: one["status"] for one in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True"


def find_pod(name: str) -> dict[str, Any]:
    return next(pod for pod in list_pods() if pod["metadata"]["name"] == name)


if __name__ == "__main__":
    sys.exit(main())

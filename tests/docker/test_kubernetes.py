"""docker/kubernetes: what kustomize makes of it is valid, and its pods, probes and expressions fit the program."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

import shared.telemetry.metrics  # noqa: F401 - registers every metric
from shared.pipeline import Stage
from shared.settings import SPECS, load_settings

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docker" / "kubernetes"
OVERLAYS = ("base", "cpu", "gpu", "cells", "display", "scaled")
CUSTOM = {"PodMonitor", "ScaledObject"}  # of operators, not of Kubernetes
IMAGE = dict(
    re.findall(r"\b((?:STATUS|LEARNED)_\w+)=(\S+)", (ROOT / "docker" / "Dockerfile").read_text())
)  # its settings
SECRETS = {"WEB_TOKEN": "0" * 16, "STATUS_TOKEN": "1" * 16}
each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)
Manifest = dict[str, Any]


@cache
def build(overlay: str) -> list[Manifest]:
    """Return what kubectl makes of a folder."""
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed")
    built = subprocess.run(["kubectl", "kustomize", FOLDER / overlay], capture_output=True, text=True, check=False)
    if "unknown field" in built.stderr or "invalid Kustomization" in built.stderr:
        pytest.skip("kubectl is older than 1.22")
    assert built.returncode == 0, built.stderr
    return list(yaml.safe_load_all(built.stdout))


def pods(overlay: str) -> list[tuple[str, Manifest]]:
    """Return name and pod of each Deployment."""
    return [(one["metadata"]["name"], one["spec"]["template"]["spec"]) for one in build(overlay) if is_deployment(one)]


def is_deployment(manifest: Manifest) -> bool:
    return bool(manifest["kind"] == "Deployment")


@each_overlay
def test_manifests_are_valid_for_kubernetes(overlay: str) -> None:
    validation = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    manifests = [manifest for manifest in build(overlay) if manifest["kind"] not in CUSTOM]
    assert manifests
    for manifest in manifests:
        validation.validate(manifest, "1.32", strict=True)


def test_validation_refuses_a_word_that_kubernetes_does_not_know() -> None:
    validation = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    manifest = next(manifest for manifest in build("base") if is_deployment(manifest))
    spec = manifest["spec"] | {"tolerationSeconds": 5}
    with pytest.raises(validation.ValidationError):
        validation.validate(manifest | {"spec": spec}, "1.32", strict=True)


@each_overlay
def test_pod_is_locked_and_leaves_a_node_that_is_gone(overlay: str) -> None:
    for _, pod in pods(overlay):
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        waits = {one["key"]: one.get("tolerationSeconds") for one in pod["tolerations"] if one["effect"] == "NoExecute"}
        assert waits == {"node.kubernetes.io/unreachable": 5, "node.kubernetes.io/not-ready": 5}
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


@each_overlay
def test_probes_ask_what_the_program_serves(overlay: str) -> None:
    for name, pod in pods(overlay):
        (container,) = pod["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert f"STATUS_PORT={ports['status']}" in (ROOT / "docker" / "Dockerfile").read_text()
        assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "status"}
        ready = container["readinessProbe"]
        if name == "display":
            assert ready["tcpSocket"] == {"port": "web"}  # it shows which cells are gone
        else:
            assert ready["httpGet"] == {"path": "/readyz", "port": "status"}


@each_overlay
def test_settings_of_a_pod_are_right(overlay: str) -> None:
    """The program itself reads them, as it would in the pod."""
    maps = {one["metadata"]["name"]: one["data"] for one in build(overlay) if one["kind"] == "ConfigMap"}
    for _, pod in pods(overlay):
        (container,) = pod["containers"]
        environment = {one["name"]: one["value"] for one in container.get("env", [])}
        for source in container["envFrom"]:
            environment |= maps[source["configMapRef"]["name"]] if "configMapRef" in source else SECRETS
        assert set(environment) <= set(SPECS)
        load_settings(IMAGE | environment, Path("none"))


@each_overlay
def test_commands_start_stages_that_exist(overlay: str) -> None:
    for _, pod in pods(overlay):
        program, *words = pod["containers"][0]["args"]
        if program == "honcho":
            assert words[:2] == ["start", "-c"]
            assert {word.partition("=")[0] for word in words[2].split(",")} <= set(Stage)
        else:
            assert (program, words[0], Stage(words[1])) == ("digitcam", "run", words[1])


def test_each_cell_has_its_own_cameras_labels_and_policy() -> None:
    manifests = build("cells")
    deployments = [one for one in manifests if is_deployment(one) and one["metadata"]["name"].endswith("-cell")]
    cells = {one["spec"]["template"]["metadata"]["labels"]["digitcam/cell"] for one in deployments}
    assert len(cells) == len(deployments) >= 2
    for kind, path in (("Service", ("spec", "selector")), ("NetworkPolicy", ("spec", "podSelector", "matchLabels"))):
        found = set()
        for manifest in (one for one in manifests if one["kind"] == kind and one["metadata"]["name"] != "display"):
            labels = manifest
            for key in path:
                labels = labels[key]
            found.add(labels["digitcam/cell"])
        assert found == cells
    lists = [one["data"]["CAMERAS"] for one in manifests if one["kind"] == "ConfigMap" and "CAMERAS" in one["data"]]
    assert len(set(lists)) == len(cells)


def test_display_shows_every_cell() -> None:
    manifests = build("cells")
    services = {one["metadata"]["name"] for one in manifests if one["kind"] == "Service"} - {"display"}
    (cells,) = [one["data"]["CELLS"] for one in manifests if one["kind"] == "ConfigMap" and "CELLS" in one["data"]]
    hosts = {re.sub(r".*://(.+):\d+", r"\1", cell) for cell in cells.split(",")}
    assert hosts == services


def test_scaler_asks_for_metrics_that_exist_and_does_not_flap() -> None:
    (scaler,) = [one["spec"] for one in build("scaled") if one["kind"] == "ScaledObject"]
    metrics = {family.name for family in REGISTRY.collect()}
    recorded = re.findall(r"record: (\S+)", (ROOT / "services" / "prometheus" / "recording.yml").read_text())
    queries = [trigger["metadata"]["query"] for trigger in scaler["triggers"]]
    assert len(queries) == 2
    for query in queries:
        names = re.findall(r"[\w:]*digitcam_[\w:]+", query)
        assert names
        assert [name for name in names if name not in recorded and re.sub("_sum$", "", name) not in metrics] == []
    behavior = scaler["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] > behavior["scaleUp"]["stabilizationWindowSeconds"] > 0


def test_queries_of_the_scaler_are_promql(tmp_path: Path) -> None:
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed")
    (scaler,) = [one["spec"] for one in build("scaled") if one["kind"] == "ScaledObject"]
    rules = [
        {"record": f"r{number}", "expr": one["metadata"]["query"]} for number, one in enumerate(scaler["triggers"])
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "scaler", "rules": rules}]}))
    checked = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_monitor_finds_port_and_token_of_every_pod() -> None:
    (monitor,) = [one["spec"] for one in build("cells") if one["kind"] == "PodMonitor"]
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert endpoint["authorization"]["credentials"] == {"name": "digitcam", "key": "STATUS_TOKEN"}
    for deployment in filter(is_deployment, build("cells")):
        template = deployment["spec"]["template"]
        assert monitor["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
        assert endpoint["port"] in [port["name"] for port in template["spec"]["containers"][0]["ports"]]

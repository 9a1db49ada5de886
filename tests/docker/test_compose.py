"""compose.yaml: what it mounts and scrapes exists, containers may do no more than needed, no port is open to all."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")

DOCKER = Path(__file__).parents[2] / "docker"
FILES = ("compose.yaml", "compose.webcam.yaml")
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
each_service = pytest.mark.parametrize("name", SERVICES)


@each_service
def test_container_may_do_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges"]
    assert service["restart"] == "unless-stopped"
    assert service.get("read_only") or name == "grafana"  # which unpacks its plugins


@each_service
def test_mounted_files_exist_and_volumes_are_declared(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source, target, *mode = volume.split(":")
        if source.startswith("."):
            assert (DOCKER / source).exists()
            assert mode == ["ro"]
        else:
            assert source in COMPOSE["volumes"]
        assert target.startswith("/")


@each_service
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    assert [port for port in SERVICES[name].get("ports", []) if not port.startswith("127.0.0.1:")] == []


def test_prometheus_scrapes_every_service_that_runs_the_image() -> None:
    config = yaml.safe_load((DOCKER / "prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    (discovery,) = job["dns_sd_configs"]
    ours = {name for name, service in SERVICES.items() if service["image"].startswith("localhost/digitcam")}
    assert set(discovery["names"]) == ours
    assert f"STATUS_PORT={discovery['port']}" in (DOCKER / "Dockerfile").read_text()
    (alerts,) = config["alerting"]["alertmanagers"][0]["static_configs"]
    assert alerts["targets"] == ["alertmanager:9093"]
    mounted = [volume.split(":")[1] for volume in SERVICES["prometheus"]["volumes"]]
    assert [rules for rules in config["rule_files"] if f"/etc/digitcam/{rules}" not in mounted] == []


def test_targets_and_folders_of_the_images_exist_in_the_dockerfile() -> None:
    text = (DOCKER / "Dockerfile").read_text()
    targets = {service["build"]["target"] for service in SERVICES.values() if "build" in service}
    assert targets == {"runtime", "gpu"}
    assert targets <= set(re.findall(r" AS ([\w-]+)$", text, re.MULTILINE))
    for folder in (".run", "/run/digitcam"):  # volumes take their owner from the folder that they cover
        assert re.search(rf"install --directory --owner digitcam .*{re.escape(folder)}\b", text)


@pytest.mark.parametrize("name", ["WEB_TOKEN", "STATUS_TOKEN"])
def test_compose_refuses_to_start_without_a_token(name: str) -> None:
    assert f"${{{name}:?" in (DOCKER / "compose.yaml").read_text()


@pytest.mark.parametrize(("program", "file"), [("promtool", "prometheus.yml"), ("amtool", "alertmanager.yml")])
def test_program_accepts_its_configuration(program: str, file: str) -> None:
    command = {
        "promtool": ["promtool", "check", "config", "--syntax-only", file],
        "amtool": ["amtool", "check-config", file],
    }[program]
    try:
        checked = subprocess.run(command, cwd=DOCKER, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip(f"{program} is not installed")
    assert checked.returncode == 0, checked.stderr

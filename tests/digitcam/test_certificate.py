"""The self-signed certificate of digitcam share."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digitcam.certificate import VALIDITY, ensure_certificate, is_valid, make_certificate

NOW = datetime.now(UTC)


@pytest.mark.parametrize("host", ["192.168.1.7", "fd00::1", "camera.local"])
def test_certificate_is_valid_for_its_host_until_its_last_day(host: str) -> None:
    pem = make_certificate(host, NOW)
    assert is_valid(pem, host, NOW)
    assert is_valid(pem, host, NOW + VALIDITY - timedelta(days=2))
    assert not is_valid(pem, host, NOW + VALIDITY - timedelta(hours=12))
    assert not is_valid(pem, "192.168.1.8", NOW)


def test_file_can_be_loaded_by_a_server(tmp_path: Path) -> None:
    path = ensure_certificate(tmp_path / "deep" / "share.pem", "127.0.0.1")
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(path)


def test_valid_certificate_is_kept_and_another_replaced(tmp_path: Path) -> None:
    path = tmp_path / "share.pem"
    first = ensure_certificate(path, "192.168.1.7").read_bytes()
    assert ensure_certificate(path, "192.168.1.7").read_bytes() == first
    moved = ensure_certificate(path, "192.168.1.8").read_bytes()
    assert moved != first
    path.write_bytes(b"damaged")
    assert is_valid(ensure_certificate(path, "192.168.1.8").read_bytes(), "192.168.1.8", datetime.now(UTC))

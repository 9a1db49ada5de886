"""Makes a self-signed certificate: with it a browser shares its camera, once its user accepts the warning."""

import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALIDITY = timedelta(days=90)
RENEW_BEFORE = timedelta(days=1)
CLOCK_TOLERANCE = timedelta(hours=1)  # for a phone whose clock is slow


def ensure_certificate(path: Path, host: str) -> Path:
    """Return the path of a PEM file with a key and a certificate for a host.

    A certificate that is still valid is kept, because browsers remember that it was accepted.
    """
    if not (path.exists() and is_valid(path.read_bytes(), host, datetime.now(UTC))):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # it has the key
            file.write(make_certificate(host, datetime.now(UTC)))
    return path


def is_valid(pem: bytes, host: str, now: datetime) -> bool:
    """Return whether a certificate is for this host and does not expire within a day."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    return general_name(host) in names and certificate.not_valid_after_utc - RENEW_BEFORE > now


def make_certificate(host: str, now: datetime) -> bytes:
    """Return a new certificate for a host and its private key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())  # P-256, which every phone supports
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "digitcam")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_TOLERANCE)
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.SubjectAlternativeName([general_name(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private_key = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + private_key


def general_name(host: str) -> x509.GeneralName:
    """Return a host as an entry of a certificate: an IP address or a DNS name."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)

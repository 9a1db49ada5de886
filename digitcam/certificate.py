"""A certificate made on the spot, signed by itself: enough for a browser to lend its camera, once its user agrees."""

import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

GOOD_FOR = timedelta(days=90)
RENEW_BEFORE = timedelta(days=1)
CLOCKS_DIFFER = timedelta(hours=1)  # a phone that is late would say "not valid yet"


def ensure_certificate(path: Path, host: str) -> Path:
    """Return the path of a PEM file with a certificate for a host and its key.

    The one that is there is kept while it holds: a browser remembers what its user said about it.
    """
    if not (path.exists() and holds(path.read_bytes(), host, datetime.now(UTC))):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # it holds the key
            file.write(make_certificate(host, datetime.now(UTC)))
    return path


def holds(pem: bytes, host: str, now: datetime) -> bool:
    """Whether a certificate is for this host, and for a while yet."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    return name_of(host) in names and certificate.not_valid_after_utc - RENEW_BEFORE > now


def make_certificate(host: str, now: datetime) -> bytes:
    """Return a new certificate for a host, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())  # P-256: every phone knows it
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "digitcam")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_DIFFER)
        .not_valid_after(now + GOOD_FOR)
        .add_extension(x509.SubjectAlternativeName([name_of(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + secret


def name_of(host: str) -> x509.GeneralName:
    """Return a host as certificates name it: an address or a name."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)

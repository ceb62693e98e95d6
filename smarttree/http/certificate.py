"""Certificates that are made here: a key, a request for one, and one that nobody has signed, for this machine.

Keys are ECDSA P-256, unencrypted, in files for the owner alone.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from smarttree.http.private import write_private

DAYS: Final = 365
LOCAL_NAMES: Final = ("localhost",)
LOCAL_ADDRESSES: Final = ("127.0.0.1", "::1")


def make_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def request_pem(key: ec.EllipticCurvePrivateKey, name: str) -> bytes:
    """What an authority is sent to sign."""
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(names, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def self_signed(key: ec.EllipticCurvePrivateKey, now: datetime) -> bytes:
    """For this machine alone: browsers ask before they take it."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, LOCAL_NAMES[0])])
    names: list[x509.GeneralName] = [x509.DNSName(each) for each in LOCAL_NAMES]
    names += [x509.IPAddress(ip_address(each)) for each in LOCAL_ADDRESSES]
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def fingerprint(pem: bytes) -> str:
    """SHA-256 of the first certificate, as browsers show it."""
    return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex(":").upper()


def lifetime(pem: bytes) -> tuple[datetime, datetime]:
    """From when until when the first certificate is good. Raises ValueError where there is none."""
    certificate = x509.load_pem_x509_certificate(pem)
    return certificate.not_valid_before_utc, certificate.not_valid_after_utc


def names_of(pem: bytes) -> list[str]:
    """What the first certificate is for."""
    certificate = x509.load_pem_x509_certificate(pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)


def local_certificate(directory: Path) -> tuple[Path, Path, str]:
    """A certificate for this machine, and its key, kept there and made anew where it is over: with its fingerprint."""
    certificate, key = directory / "localhost.pem", directory / "localhost.key"
    now = datetime.now(UTC)
    try:
        pem = certificate.read_bytes()
        is_good = lifetime(pem)[1] > now + timedelta(days=1) and key.exists()
    except (OSError, ValueError):
        is_good = False
    if not is_good:
        fresh = make_key()
        pem = self_signed(fresh, now)
        write_private(key, key_pem(fresh))
        write_private(certificate, pem)
    return certificate, key, fingerprint(pem)

"""Key pairs and certificates of made-up recipients."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
"""When the certificates are in force."""


def a_private_key(name: str = "board", bits: int = 2048) -> rsa.RSAPrivateKey:
    """One key for each name and length."""
    return _private_key(name, bits)


@cache
def _private_key(name: str, bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def a_certificate(
    name: str = "board",
    *,
    serial: int = 4711,
    begin: datetime = NOW - timedelta(days=1),
    days: float = 365,
    bits: int = 2048,
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None = None,
    key_encipherment: bool | None = None,
) -> x509.Certificate:
    """A certificate that its holder signed; `key_encipherment`: None leaves key usage out."""
    chosen = key or a_private_key(name, bits)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"CA of {name}")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(chosen.public_key())
        .serial_number(serial)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
    )
    if key_encipherment is not None:
        usage = x509.KeyUsage(
            digital_signature=not key_encipherment,
            key_encipherment=key_encipherment,
            content_commitment=False, data_encipherment=False, key_agreement=False,
            key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(chosen, hashes.SHA256())


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def write_certificate(path: Path, certificate: x509.Certificate) -> Path:
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    return path


def pem_key(key: rsa.RSAPrivateKey, password: bytes | None = None) -> bytes:
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)

"""An encrypted identity is an envelope to the configured recipients, to the last byte."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from dmask_node.check.envelope import unexpected_in_envelope
from dmask_node.deidentify.escrow import seal_identity
from tests.factories import a_header

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def certificate(name: str, bits: int = 2048) -> bytes:
    key = rsa.generate_private_key(65537, bits)
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)])
    built = x509.CertificateBuilder(
        issuer_name=subject,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=NOW,
        not_valid_after=NOW + timedelta(days=30),
    )
    return built.sign(key, SHA256()).public_bytes(Encoding.DER)


ONE, OTHER, LONG = certificate("One"), certificate("Other"), certificate("Long", 3072)


def sealed(*recipients: bytes) -> bytes:
    return seal_identity(a_header(identity=True), recipients)


def padded(envelope: bytes) -> bytes:
    return envelope + b"\0" * (len(envelope) % 2)


@pytest.mark.parametrize("recipients", [(ONE,), (ONE, OTHER), (LONG, ONE, OTHER)])
def test_an_envelope_to_the_recipients_is_let_out(recipients: tuple[bytes, ...]) -> None:
    envelope = sealed(*recipients)
    assert list(unexpected_in_envelope(padded(envelope), (envelope,), recipients[::-1])) == []


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [((ONE,), (OTHER,)), ((ONE, OTHER), (ONE,)), ((ONE,), (ONE, OTHER)), ((ONE,), ())],
)
def test_an_envelope_to_others_is_told(sent: tuple[bytes, ...], wanted: tuple[bytes, ...]) -> None:
    envelope = sealed(*sent)
    assert list(unexpected_in_envelope(padded(envelope), (envelope,), wanted))


def test_another_envelope_than_the_headers_is_told() -> None:
    envelope = sealed(ONE)
    assert list(unexpected_in_envelope(padded(sealed(ONE)), (envelope,), (ONE,)))
    assert list(unexpected_in_envelope(padded(envelope) + b"\0\0", (envelope,), (ONE,)))
    assert list(unexpected_in_envelope(padded(envelope), (), (ONE,)))
    assert list(unexpected_in_envelope(padded(envelope), (envelope, envelope), (ONE,)))
    assert list(unexpected_in_envelope("no bytes", (envelope,), (ONE,)))


def test_the_identity_in_the_clear_is_no_envelope() -> None:
    for clear in (b"", b"PLANTEDNAME", b"0\x82", b"\x30\x0bPLANTEDNAME"):
        assert list(unexpected_in_envelope(padded(clear), (clear,), (ONE,)))


def test_bytes_after_an_envelope_are_told() -> None:
    envelope = sealed(ONE) + b"PLANTEDNAME"
    assert list(unexpected_in_envelope(padded(envelope), (envelope,), (ONE,)))


def test_every_byte_around_the_opaque_ones_is_judged() -> None:
    """Changed anywhere but in keys, vector and content, it is no envelope any more."""
    envelope = sealed(ONE)
    unseen = [
        at
        for at in range(len(envelope))
        if not list(
            unexpected_in_envelope(
                padded(changed := envelope[:at] + bytes([envelope[at] ^ 5]) + envelope[at + 1 :]),
                (changed,),
                (ONE,),
            )
        )
    ]
    content = (len(envelope) - 256 - 16) // 1024 * 1024 + 16
    assert len(unseen) == 256 + 16 + content  # the key under RSA, the vector, the content


def test_cut_or_longer_anywhere_it_is_no_envelope() -> None:
    envelope = sealed(ONE)
    for at in range(0, len(envelope), 7):
        for other in (envelope[:at], envelope[:at] + b"\0" + envelope[at:]):
            assert list(unexpected_in_envelope(padded(other), (other,), (ONE,))), at

"""Escrow: the identity travels along, encrypted to the certificates of named recipients.

PS3.15 E.1.1 and PS3.3 C.12.1.1.4.1: an item of Encrypted Attributes Sequence holds a data set,
encoded and sealed as enveloped-data of the Cryptographic Message Syntax (RFC 5652): the content by
AES-256-CBC under a key of its own (RFC 3565), that key by RSA key transport (RFC 3370 4.2.1) to
each recipient. One envelope for all recipients: each of them opens all of it. The envelope is not
signed: who could change a file could put another envelope there.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import padding as block_padding
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from pydicom import Dataset, config
from pydicom import Sequence as Items
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.tag import Tag

from dmask_node.deidentify.source_values import read_text
from dmask_node.errors import Permanent

ESCROWED: Final = (
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "AccessionNumber",
    "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "StudyDate", "StudyTime",
)  # fmt: skip
"""What is sealed of a source, as far as it has it."""
CONTENT_SYNTAX: Final = "1.2.840.10008.1.2.1"
"""Explicit VR Little Endian: how the sealed data set is encoded."""
MIN_RSA_BITS: Final = 2048
_BLOCK_BYTES: Final = 1024
"""The sealed data set is filled up to a multiple of this: the length of a name must not show."""
_PADDING_HEAD_BYTES: Final = 12
_CONTENT_START: Final = bytes.fromhex("00045005") + b"SQ"
"""Modified Attributes Sequence, as it begins in the content."""


class CertificateRefused(Permanent):
    """A certificate can't be used to encrypt identities to."""

    reason = "certificate_refused"
    hint = "Give each recipient's own RSA certificate (PEM), in force, one in each file."


class EnvelopeUnreadable(Permanent):
    """There is no encrypted identity in the object that could be read."""

    reason = "envelope_unreadable"
    hint = "Was the object sent to a destination with escrow_certificates? Is the file whole?"


class NotARecipient(Permanent):
    """The identity is encrypted, but not to this private key."""

    reason = "not_a_recipient"
    hint = "Use the private key of one of the recipients whose serial numbers the message names."


def load_recipients(paths: Sequence[Path], now: datetime) -> tuple[bytes, ...]:
    """Load and check the certificates of those who may re-identify.

    Parameters
    ----------
    paths : sequence of Path
        PEM files, one certificate in each.
    now : datetime
        With time zone; each certificate must be in force then.

    Returns
    -------
    tuple of bytes
        The certificates, DER, in the order given.

    Raises
    ------
    CertificateRefused
        If a file can't be read, holds no or several certificates or a private key; if a
        certificate is not in force, not RSA, shorter than 2048 bits or not meant for key
        encipherment; if two are the same.
    """
    certificates = [_load(path, now) for path in paths]
    if len({(c.issuer.public_bytes(), c.serial_number) for c in certificates}) != len(paths):
        raise CertificateRefused("two files hold the same recipient's certificate")
    return tuple(certificate.public_bytes(Encoding.DER) for certificate in certificates)


def days_left(recipients: Sequence[bytes], now: datetime) -> int:
    """Return the whole days until the first of these certificates expires."""
    ends = [x509.load_der_x509_certificate(der).not_valid_after_utc for der in recipients]
    return (min(ends) - now) // timedelta(days=1)


def _load(path: Path, now: datetime) -> x509.Certificate:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CertificateRefused(f"{path} can't be read: {error.strerror}") from None
    if b"PRIVATE KEY-----" in data:
        raise CertificateRefused(f"{path} holds a private key, which the node must not have")
    try:
        certificates = x509.load_pem_x509_certificates(data)
    except ValueError:
        raise CertificateRefused(f"{path} is no PEM certificate") from None
    if len(certificates) != 1:
        raise CertificateRefused(f"{path} holds {len(certificates)} certificates instead of one")
    [certificate] = certificates
    _require_in_force(path, certificate, now)
    _require_rsa(path, certificate)
    return certificate


def _require_in_force(path: Path, certificate: x509.Certificate, now: datetime) -> None:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begin:
        raise CertificateRefused(f"{path} is not in force before {begin:%Y-%m-%d %H:%M} UTC")
    if now > end:
        raise CertificateRefused(f"{path} expired on {end:%Y-%m-%d %H:%M} UTC")


def _require_rsa(path: Path, certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise CertificateRefused(f"{path} has no RSA key; PS3.15 E.1.1 asks for one")
    if key.key_size < MIN_RSA_BITS:
        raise CertificateRefused(f"{path} has {key.key_size} bits; {MIN_RSA_BITS} are needed")
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    except ValueError:
        raise CertificateRefused(f"{path} has extensions that can't be read") from None
    if not usage.key_encipherment:
        raise CertificateRefused(f"{path} is not meant for key encipherment (key usage)")


def seal_identity(header: Dataset, recipients: Sequence[bytes]) -> bytes:
    """Encrypt who the source is of to the recipients.

    Parameters
    ----------
    header : Dataset
        As received; never changed. What it lacks of `ESCROWED`, or has broken, is left out.
    recipients : sequence of bytes
        Certificates, of `load_recipients`.

    Returns
    -------
    bytes
        For Encrypted Content: a ContentInfo of enveloped-data, DER. Key and initialisation vector
        are random, so no two are alike; its length tells the length of the identity to 1024 bytes.
    """
    builder = (
        pkcs7.PKCS7EnvelopeBuilder()
        .set_data(_content(header))
        .set_content_encryption_algorithm(algorithms.AES256)
    )
    for recipient in recipients:
        builder = builder.add_recipient(x509.load_der_x509_certificate(recipient))
    return builder.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])


def _content(header: Dataset) -> bytes:
    """Encode the Encrypted Attributes Data Set (PS3.3 table C.12-7), filled up."""
    item = Dataset()
    item.SpecificCharacterSet = "ISO_IR 192"
    for keyword in ESCROWED:
        text = read_text(header, keyword)
        if text is not None:
            _add(item, keyword, text.encode("utf-8", "replace").decode("utf-8"))
    content = Dataset()
    content.ModifiedAttributesSequence = Items([item])
    bare = _encode(content)
    # Data Set Trailing Padding, PS3.10 7.2. Encoded data sets have an even length, so this is even.
    fill = -(len(bare) + _PADDING_HEAD_BYTES) % _BLOCK_BYTES
    content.DataSetTrailingPadding = b"\0" * fill
    return _encode(content)


def _add(item: Dataset, keyword: str, text: str) -> None:
    """Add a value as it came, sound or not: it is not for us to mend what will be restored."""
    tag = Tag(keyword)
    item[tag] = DataElement(tag, dictionary_VR(tag), text, validation_mode=config.IGNORE)


def _encode(dataset: Dataset) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they quote the value
        write_dataset(buffer, dataset)
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Recipient:
    """One of those to whom an envelope is addressed."""

    issuer: bytes
    """Distinguished name of who issued the certificate, DER."""
    serial: int
    """Serial number of the certificate."""
    encrypted_key: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """What an envelope shows to everybody."""

    recipients: tuple[Recipient, ...]
    vector: bytes
    """Initialisation vector, 16 bytes."""
    ciphertext: bytes


@dataclass(frozen=True, slots=True)
class Identity:
    """What was sealed. Identifies: for the terminal only, never for a log, file or message."""

    values: Mapping[str, str]
    """Of `ESCROWED`, in its order, those that are there."""
    recipient_serial: int
    """Of the certificate to which it was opened."""

    def __repr__(self) -> str:
        return f"Identity({len(self.values)} values)"


def read_envelope(encrypted_content: bytes) -> Envelope:
    """Read what an envelope shows to everybody.

    Parameters
    ----------
    encrypted_content : bytes
        Value of Encrypted Content: DER, perhaps with a byte of padding behind it.

    Raises
    ------
    EnvelopeUnreadable
        If it is not an envelope such as `seal_identity` makes.
    """
    try:
        [info] = _fields(encrypted_content, trailing=True)
        kind, content = _fields(_expect(info, 0x30))
        [enveloped] = _fields(_expect(content, 0xA0))
        _expect_value(kind, _ENVELOPED_DATA)
        _version, infos, encrypted = _fields(_expect(enveloped, 0x30))
        _type, algorithm, ciphertext = _fields(_expect(encrypted, 0x30))
        cipher, vector = _fields(_expect(algorithm, 0x30))
        _expect_value(cipher, _AES_256_CBC)
        recipients = tuple(map(_recipient, _fields(_expect(infos, 0x31))))
        envelope = Envelope(recipients, _expect(vector, 0x04), _expect(ciphertext, 0x80))
    except ValueError as error:
        raise EnvelopeUnreadable(f"not an envelope of this node: {error}") from None
    return envelope


def open_identity(encrypted_content: bytes, key: rsa.RSAPrivateKey) -> Identity:
    """Open an envelope with the private key of one of its recipients.

    Parameters
    ----------
    encrypted_content : bytes
        Value of Encrypted Content.
    key : RSAPrivateKey
        Of one of the recipients.

    Returns
    -------
    Identity

    Raises
    ------
    EnvelopeUnreadable
        If it is not an envelope such as `seal_identity` makes.
    NotARecipient
        If the key opens it for none of its recipients.
    """
    envelope = read_envelope(encrypted_content)
    for recipient in envelope.recipients:
        content = _decrypt(envelope, recipient, key)
        if content is not None:
            item = read_dataset(BytesIO(content), is_implicit_VR=False, is_little_endian=True)
            [values] = item.ModifiedAttributesSequence
            found = {keyword: read_text(values, keyword) for keyword in ESCROWED}
            return Identity({k: v for k, v in found.items() if v is not None}, recipient.serial)
    serials = ", ".join(f"{recipient.serial:x}" for recipient in envelope.recipients)
    raise NotARecipient(f"it is encrypted to the certificates with the serial numbers {serials}")


def _decrypt(envelope: Envelope, recipient: Recipient, key: rsa.RSAPrivateKey) -> bytes | None:
    """Return the content; None if the key is another's, which shows in nonsense coming out."""
    try:
        content_key = key.decrypt(recipient.encrypted_key, padding.PKCS1v15())
        decryptor = Cipher(algorithms.AES256(content_key), modes.CBC(envelope.vector)).decryptor()
        padded = decryptor.update(envelope.ciphertext) + decryptor.finalize()
        unpadder = block_padding.PKCS7(128).unpadder()
        content = unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        return None
    return content if content.startswith(_CONTENT_START) else None


# As much of the distinguished encoding rules (ITU-T X.690 8 and 10) as an envelope needs.

_ENVELOPED_DATA: Final = bytes.fromhex("06092a864886f70d010703")
_AES_256_CBC: Final = bytes.fromhex("060960864801650304012a")
_RSA_ENCRYPTION: Final = bytes.fromhex("06092a864886f70d010101")


@dataclass(frozen=True, slots=True)
class _Field:
    tag: int
    value: bytes
    whole: bytes


def _fields(data: bytes, *, trailing: bool = False) -> list[_Field]:
    """Split the inside of a constructed value; with `trailing`, take the first and let the rest."""
    return list(_split(data, trailing=trailing))


def _split(data: bytes, *, trailing: bool) -> Iterator[_Field]:
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise ValueError("cut short")
        tag, length, start = data[at], data[at + 1], at + 2
        if length & 0x80:
            count = length & 0x7F
            length, start = int.from_bytes(data[start : start + count], "big"), start + count
            if not 1 <= count <= 4:
                raise ValueError("a length that is not definite")
        if start + length > len(data):
            raise ValueError("cut short")
        yield _Field(tag, data[start : start + length], data[at : start + length])
        at = start + length
        if trailing:
            return


def _expect(field: _Field, tag: int) -> bytes:
    if field.tag != tag:
        raise ValueError(f"tag {field.tag:02x} where {tag:02x} is expected")
    return field.value


def _expect_value(field: _Field, whole: bytes) -> None:
    if field.whole != whole:
        raise ValueError("another content type or algorithm than this node's")


def _recipient(info: _Field) -> Recipient:
    _version, identifier, algorithm, encrypted_key = _fields(_expect(info, 0x30))
    issuer, serial = _fields(_expect(identifier, 0x30))
    [kind, *_] = _fields(_expect(algorithm, 0x30))
    _expect_value(kind, _RSA_ENCRYPTION)
    number = int.from_bytes(_expect(serial, 0x02), "big", signed=True)
    return Recipient(issuer.whole, number, _expect(encrypted_key, 0x04))

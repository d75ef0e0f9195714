"""The encrypted identity beside an object: a CMS envelope to the site's own recipients, no more.

What is in it can't be read here: that is its purpose. Every byte around the opaque ones has to be
what RFC 5652 asks for, so that nothing travels beside it.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

_SEQUENCE: Final = 0x30
_SET: Final = 0x31
_INTEGER: Final = 0x02
_BIT_STRING: Final = 0x03
_OCTETS: Final = 0x04
_EXPLICIT_0: Final = 0xA0
_IMPLICIT_0: Final = 0x80
_ZERO: Final = bytes.fromhex("020100")
_ENVELOPED: Final = bytes.fromhex("06092a864886f70d010703")
_DATA: Final = bytes.fromhex("06092a864886f70d010701")
_RSA: Final = bytes.fromhex("300d06092a864886f70d0101010500")
_AES_256_CBC: Final = bytes.fromhex("060960864801650304012a")
_IV_BYTES: Final = 16
_STEP_BYTES: Final = 1024
"""The content is filled up to a multiple of it, so that its length tells nothing."""
_MAX_LENGTH_OCTETS: Final = 4


class _NotDer(Exception):
    """The bytes are not the structure that was asked for."""


class _Value(NamedTuple):
    """One value in DER."""

    whole: bytes
    content: bytes


class _Recipient(NamedTuple):
    """How a recipient is named in an envelope, and how long a key for it is."""

    issuer_and_serial: bytes
    key_bytes: int


def unexpected_in_envelope(
    value: object, escrow: Sequence[bytes], recipients: Sequence[bytes]
) -> Iterator[str]:
    """Yield what is wrong with the value of Encrypted Content (PS3.3 C.12.1.1.4.1).

    Parameters
    ----------
    value : object
        Of the element.
    escrow : sequence of bytes
        The envelope (DER) that the clean header holds, alone.
    recipients : sequence of bytes
        Certificates (X.509, DER) of those who may open it.
    """
    if not isinstance(value, bytes) or len(escrow) != 1 or not recipients:
        yield "is no envelope of the clean header"
        return
    if value != escrow[0] + b"\0" * (len(escrow[0]) % 2):
        yield "is another envelope than the clean header's"
        return
    try:
        wanted = [_recipient(certificate) for certificate in recipients]
        _require(_is_envelope(escrow[0], wanted))
    except _NotDer:
        yield "holds more or less than an envelope to the configured recipients"


def _is_envelope(der: bytes, recipients: Sequence[_Recipient]) -> bool:
    """Read ContentInfo and EnvelopedData (RFC 5652 3 and 6.1)."""
    info, rest = _take(der, _SEQUENCE)
    kind, tail = info.content[: len(_ENVELOPED)], info.content[len(_ENVELOPED) :]
    explicit, after = _take(tail, _EXPLICIT_0)
    enveloped, behind = _take(explicit.content, _SEQUENCE)
    body = enveloped.content
    keys, encrypted = _take(body[len(_ZERO) :], _SET)
    content, end = _take(encrypted, _SEQUENCE)
    nothing_else = not (rest or after or behind or end)
    return (
        nothing_else
        and kind == _ENVELOPED
        and body.startswith(_ZERO)
        and _are_keys(keys.content, recipients)
        and _is_encrypted(content.content)
    )


def _are_keys(der: bytes, recipients: Sequence[_Recipient]) -> bool:
    """Read KeyTransRecipientInfos (RFC 5652 6.2.1): one for each recipient, and no other."""
    left = list(recipients)
    while der:
        info, der = _take(der, _SEQUENCE)
        _require(info.content.startswith(_ZERO))
        name, tail = _take(info.content[len(_ZERO) :], _SEQUENCE)
        _require(tail.startswith(_RSA))
        key, end = _take(tail[len(_RSA) :], _OCTETS)
        recipient = _Recipient(name.content, len(key.content))
        _require(recipient in left and not end)
        left.remove(recipient)
    return not left


def _is_encrypted(der: bytes) -> bool:
    """Read EncryptedContentInfo (RFC 5652 6.1): AES-256 in CBC mode (RFC 3565)."""
    algorithm, tail = _take(der[len(_DATA) :], _SEQUENCE)
    vector, end = _take(algorithm.content[len(_AES_256_CBC) :], _OCTETS)
    content, rest = _take(tail, _IMPLICIT_0)
    return (
        der.startswith(_DATA)
        and algorithm.content.startswith(_AES_256_CBC)
        and len(vector.content) == _IV_BYTES
        and not end
        and not rest
        and len(content.content) % _STEP_BYTES == _IV_BYTES  # a whole block of padding
    )


def _recipient(certificate: bytes) -> _Recipient:
    """Read issuer, serial number and length of the RSA key (RFC 5280 4.1)."""
    outer, _ = _take(certificate, _SEQUENCE)
    fields, _ = _take(outer.content, _SEQUENCE)
    rest = fields.content
    if rest[:1] == bytes([_EXPLICIT_0]):
        _, rest = _take(rest, _EXPLICIT_0)
    serial, rest = _take(rest, _INTEGER)
    _, rest = _take(rest, _SEQUENCE)  # signature algorithm
    issuer, rest = _take(rest, _SEQUENCE)
    for _ in ("validity", "subject"):
        _, rest = _take(rest, _SEQUENCE)
    public, _ = _take(rest, _SEQUENCE)
    _, bits = _take(public.content, _SEQUENCE)
    key, _ = _take(bits, _BIT_STRING)
    numbers, _ = _take(key.content[1:], _SEQUENCE)
    modulus, _ = _take(numbers.content, _INTEGER)
    return _Recipient(issuer.whole + serial.whole, len(modulus.content.lstrip(b"\0")))


def _take(der: bytes, tag: int) -> tuple[_Value, bytes]:
    """Take the first value, of a given tag and definite, shortest length; return it and the rest.

    Raises
    ------
    _NotDer
        If there is none.
    """
    _require(len(der) >= 2 and der[0] == tag)
    length, head = der[1], 2
    if length & 0x80:
        n = length & 0x7F
        _require(0 < n <= _MAX_LENGTH_OCTETS and len(der) >= 2 + n and der[2] != 0)
        length, head = int.from_bytes(der[2 : 2 + n], "big"), 2 + n
        _require(length >= 0x80)  # shorter ones have the short form
    _require(len(der) >= head + length)
    end = head + length
    return _Value(whole=der[:end], content=der[head:end]), der[end:]


def _require(holds: bool) -> None:
    if not holds:
        raise _NotDer

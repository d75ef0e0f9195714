"""The identity in an envelope: opened by its recipients, opaque to everybody else."""

import subprocess
import warnings
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from pydicom import Dataset
from pydicom.charset import encode_string
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import Tag

from dmask_node.deidentify.escrow import (
    ESCROWED,
    CertificateRefused,
    EnvelopeUnreadable,
    NotARecipient,
    days_left,
    load_recipients,
    open_identity,
    read_envelope,
    seal_identity,
)
from tests.certificates import (
    NOW,
    a_certificate,
    a_private_key,
    der,
    pem_key,
    write_certificate,
)

WHO = {
    "PatientName": "Zimmermann^Anneliese",
    "PatientID": "0047110815",
    "IssuerOfPatientID": "St Elsewhere",
    "PatientBirthDate": "19470321",
    "AccessionNumber": "A20260601",
    "StudyInstanceUID": "1.2.840.99999.1",
    "SeriesInstanceUID": "1.2.840.99999.2",
    "SOPInstanceUID": "1.2.840.99999.3",
    "StudyDate": "20260531",
    "StudyTime": "101112",
}


def a_header(**values: str) -> Dataset:
    header = Dataset()
    for keyword, value in {**WHO, **values}.items():
        setattr(header, keyword, value)
    header.InstitutionName = "never sealed"
    return header


def board(serial: int = 4711) -> bytes:
    return der(a_certificate("board", serial=serial))


def opened(header: Dataset) -> dict[str, str]:
    return dict(open_identity(seal_identity(header, [board()]), a_private_key("board")).values)


def test_a_recipient_gets_back_what_the_source_said() -> None:
    identity = open_identity(seal_identity(a_header(), [board()]), a_private_key("board"))
    assert dict(identity.values) == WHO
    assert list(identity.values) == list(ESCROWED)
    assert identity.recipient_serial == 4711
    assert "Zimmermann" not in repr(identity)


def test_each_recipient_opens_all_of_it_and_no_one_else_any() -> None:
    both = [der(a_certificate("board", serial=11)), der(a_certificate("ombudsman", serial=2**150))]
    envelope = seal_identity(a_header(), both)
    for name, serial in (("board", 11), ("ombudsman", 2**150)):
        identity = open_identity(envelope, a_private_key(name))
        assert dict(identity.values) == WHO
        assert identity.recipient_serial == serial
    with pytest.raises(NotARecipient) as refused:
        open_identity(envelope, a_private_key("thief"))
    assert {f"{11:x}", f"{2**150:x}"} <= set(str(refused.value).replace(",", "").split())
    with pytest.raises(NotARecipient):
        open_identity(envelope, a_private_key("small", 1024))


def test_nothing_of_it_stands_in_clear_and_no_two_are_alike() -> None:
    one, two = (seal_identity(a_header(), [board()]) for _ in range(2))
    assert one != two
    for value in WHO.values():
        assert value.encode() not in one
    first, second = read_envelope(one), read_envelope(two)
    assert first.vector != second.vector
    assert first.ciphertext[:32] != second.ciphertext[:32]
    assert first.recipients[0].encrypted_key != second.recipients[0].encrypted_key


def test_its_length_does_not_tell_the_length_of_a_name() -> None:
    short = seal_identity(a_header(PatientName="X", PatientID="1"), [board()])
    long = seal_identity(a_header(PatientName="X" * 64 + "^" + "Y" * 60), [board()])
    assert len(short) == len(long)
    assert len(read_envelope(short).ciphertext) == 1024 + 16
    for fill in range(40):
        made = seal_identity(a_header(PatientName="X" * fill), [board()])
        assert len(made) == len(short)
    huge = seal_identity(a_header(PatientID="x" * 1000), [board()])
    assert len(read_envelope(huge).ciphertext) == 2048 + 16


def test_names_in_other_scripts_come_back_as_they_were() -> None:
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    header = a_header()
    header.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    raw = encode_string(name, ["iso8859", "iso2022_jp"])
    tag = Tag("PatientName")
    header[tag] = RawDataElement(tag, "PN", len(raw), raw, 0, False, True)
    assert opened(header)["PatientName"] == name
    header = a_header(PatientName="Διονύσιος^Müller")
    header.SpecificCharacterSet = "ISO_IR 192"
    assert opened(header)["PatientName"] == "Διονύσιος^Müller"


def test_broken_values_are_sealed_as_they_came_and_absent_ones_left_out() -> None:
    header = a_header(StudyInstanceUID="not a uid!", PatientName="a\ud800b^c")
    header[Tag("PatientBirthDate")] = DataElement(
        "PatientBirthDate", "DA", "March 1947", validation_mode=0
    )
    header.AccessionNumber = ""
    del header.StudyTime
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = opened(header)
    assert found["StudyInstanceUID"] == "not a uid!"
    assert found["PatientBirthDate"] == "March 1947"
    assert found["PatientName"] == "a?b^c"
    assert "AccessionNumber" not in found
    assert "StudyTime" not in found
    assert opened(Dataset()) == {}


def test_the_header_is_left_as_it_was() -> None:
    header = a_header()
    before = header.to_json()
    seal_identity(header, [board()])
    assert header.to_json() == before


def test_openssl_and_any_dicom_reader_open_it(tmp_path: Path) -> None:
    (tmp_path / "envelope.der").write_bytes(seal_identity(a_header(), [board(9), board(10)]))
    (tmp_path / "key.pem").write_bytes(pem_key(a_private_key("board")))
    write_certificate(tmp_path / "board.pem", a_certificate("board", serial=10))
    command = ["openssl", "cms", "-decrypt", "-binary", "-inform", "DER"]
    for option, name in (
        ("-in", "envelope.der"), ("-inkey", "key.pem"), ("-recip", "board.pem"), ("-out", "content")
    ):  # fmt: skip
        command += [option, str(tmp_path / name)]
    subprocess.run(command, check=True, timeout=30, capture_output=True)
    content = (tmp_path / "content").read_bytes()
    assert len(content) % 1024 == 0
    dumped = subprocess.run(
        ["dcmdump", "-f", "-te", "+L", str(tmp_path / "content")],
        check=True, capture_output=True, text=True, timeout=30,
    ).stdout.splitlines()  # fmt: skip
    outer = [line[:11] for line in dumped if line.startswith("(")]
    assert outer == ["(0400,0550)", "(fffe,e0dd)", "(fffc,fffc)"]
    inner = [line.split("[")[1].split("]")[0] for line in dumped if line.startswith("    (")]
    assert sorted(inner) == sorted(["ISO_IR 192", *WHO.values()])
    assert content.endswith(bytes(512))
    shown = subprocess.run(
        ["openssl", "asn1parse", "-inform", "DER", "-in", str(tmp_path / "envelope.der")],
        check=True, capture_output=True, text=True, timeout=30,
    ).stdout  # fmt: skip
    for part in ("envelopedData", "rsaEncryption", "aes-256-cbc"):
        assert part in shown


def test_what_everybody_sees_names_the_recipients_alone() -> None:
    certificates = [a_certificate("board", serial=3), a_certificate("ombudsman", serial=2)]
    envelope = read_envelope(seal_identity(a_header(), [der(c) for c in certificates]))
    seen = {(r.issuer, r.serial) for r in envelope.recipients}
    assert seen == {(c.issuer.public_bytes(), c.serial_number) for c in certificates}
    assert {len(r.encrypted_key) for r in envelope.recipients} == {256}
    assert len(envelope.vector) == 16


def test_padding_behind_the_envelope_is_passed_over() -> None:
    envelope = seal_identity(a_header(), [board()])
    assert read_envelope(envelope + b"\0") == read_envelope(envelope)


def tlv(tag: int, *parts: bytes) -> bytes:
    value = b"".join(parts)
    size = len(value)
    head = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + head + value


DATA = bytes.fromhex("06092a864886f70d010701")
SIGNED = bytes.fromhex("06092a864886f70d010702")
ENVELOPED = bytes.fromhex("06092a864886f70d010703")
RSA = bytes.fromhex("06092a864886f70d010101")
OAEP = bytes.fromhex("06092a864886f70d010107")
AES = bytes.fromhex("060960864801650304012a")
AES_128 = bytes.fromhex("0609608648016503040102")
NULL = bytes.fromhex("0500")
ZERO = bytes.fromhex("020100")


def built(
    *,
    kind: bytes = ENVELOPED,
    explicit: int = 0xA0,
    algorithm: bytes = RSA,
    infos: int = 0x31,
    cipher: bytes = AES,
    vector: bytes = tlv(4, bytes(16)),
    ciphertext: bytes = tlv(0x80, bytes(32)),
    behind: bytes = b"",
) -> bytes:
    """An envelope, part by part."""
    recipient = tlv(
        0x30,
        ZERO,
        tlv(0x30, tlv(0x30), bytes.fromhex("0202ff7f")),
        tlv(0x30, algorithm, NULL),
        tlv(4, b"k" * 200),
    )
    content = tlv(0x30, DATA, tlv(0x30, cipher, vector), ciphertext)
    return tlv(0x30, kind, tlv(explicit, tlv(0x30, ZERO, tlv(infos, recipient), content, behind)))


def test_the_smallest_envelope_is_read() -> None:
    envelope = read_envelope(built())
    [recipient] = envelope.recipients
    assert (recipient.issuer, recipient.serial) == (tlv(0x30), -129)
    assert recipient.encrypted_key == b"k" * 200
    assert (envelope.vector, envelope.ciphertext) == (bytes(16), bytes(32))


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (b"", "not enough values"),
        (b"\x30", "cut short$"),
        (b"\x30\x80" + built()[4:], "a length that is not definite$"),
        (b"\x30\x85\0\0\0" + built()[2:], "a length that is not definite$"),
        (built()[:-1], "cut short$"),
        (b"\x31" + built()[1:], "tag 31 where 30 is expected"),
        (built(kind=SIGNED), ": another content type or algorithm than this node's$"),
        (built(explicit=0xA1), "tag a1 where a0"),
        (built(algorithm=OAEP), ": another content type or algorithm than this node's$"),
        (built(infos=0x30), "tag 30 where 31"),
        (built(cipher=AES_128), ": another content type or algorithm than this node's$"),
        (built(vector=tlv(5, bytes(16))), "tag 05 where 04"),
        (built(ciphertext=tlv(0xA0, bytes(32))), "tag a0 where 80"),
        (built(behind=tlv(0xA1)), "too many values"),
        (tlv(0x30, ENVELOPED), "not enough values"),
    ],
)
def test_what_is_no_such_envelope_is_told_from_one(other: bytes, why: str) -> None:
    with pytest.raises(EnvelopeUnreadable, match=f"^not an envelope of this node.*{why}"):
        read_envelope(other)
    with pytest.raises(EnvelopeUnreadable):
        open_identity(other, a_private_key("board"))


def test_lengths_may_be_written_longer_than_need_be() -> None:
    short = tlv(0x80, bytes(32))
    usual = read_envelope(built(ciphertext=short))
    for head in (b"\x80\x81\x20", b"\x80\x83\0\0\x20", b"\x80\x84\0\0\0\x20"):
        assert read_envelope(built(ciphertext=head + bytes(32))) == usual


def test_lengths_are_big_endian() -> None:
    long = built(ciphertext=tlv(0x80, bytes(0x1234)))
    assert len(read_envelope(long).ciphertext) == 0x1234


def test_a_doctored_envelope_opens_for_nobody() -> None:
    sound = seal_identity(a_header(), [board()])
    at = len(sound) - 1040
    broken = sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :]
    with pytest.raises(NotARecipient):
        open_identity(broken, a_private_key("board"))


# Certificates


def test_certificates_are_loaded_in_their_order(tmp_path: Path) -> None:
    certificates = [
        a_certificate("board", serial=1),
        a_certificate("board", serial=2, key_encipherment=True),
        a_certificate("ombudsman", serial=1),
    ]
    paths = [write_certificate(tmp_path / f"{n}.pem", c) for n, c in enumerate(certificates)]
    assert load_recipients(paths, NOW) == tuple(der(c) for c in certificates)
    assert load_recipients([], NOW) == ()


def refused(path: Path) -> str:
    with pytest.raises(CertificateRefused) as refusal:
        load_recipients([path], NOW)
    assert refusal.value.hint
    return str(refusal.value)


@pytest.mark.parametrize(
    ("certificate", "why"),
    [
        (lambda: a_certificate(begin=NOW + timedelta(seconds=1)), "not in force before 2026-06-01"),
        (lambda: a_certificate(begin=NOW - timedelta(days=2), days=1.9), "expired on 2026-06-01"),
        (lambda: a_certificate("weak", bits=1024), "1024 bits; 2048 are needed"),
        (lambda: a_certificate(key=ec.generate_private_key(ec.SECP256R1())), "no RSA key"),
        (lambda: a_certificate(key_encipherment=False), "key encipherment"),
    ],
)
def test_a_certificate_that_will_not_do_is_refused(
    tmp_path: Path, certificate: "object", why: str
) -> None:
    path = write_certificate(tmp_path / "c.pem", certificate())  # type: ignore[operator]
    told = refused(path)
    assert why in told
    assert str(path) in told


def test_a_certificate_is_in_force_to_the_last_second(tmp_path: Path) -> None:
    certificate = a_certificate(begin=NOW, days=1)
    path = write_certificate(tmp_path / "c.pem", certificate)
    for moment in (NOW, NOW + timedelta(days=1)):
        assert load_recipients([path], moment) == (der(certificate),)
    with pytest.raises(CertificateRefused, match="expired"):
        load_recipients([path], NOW + timedelta(days=1, seconds=1))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no certificate at all", "no PEM certificate"),
        (b"", "no PEM certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no PEM certificate"),
    ],
)
def test_a_file_without_a_certificate_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "c.pem"
    path.write_bytes(content)
    assert why in refused(path)


def test_a_file_holds_one_certificate_and_no_private_key(tmp_path: Path) -> None:
    path = write_certificate(tmp_path / "c.pem", a_certificate())
    two = tmp_path / "two.pem"
    two.write_bytes(path.read_bytes() * 2)
    assert "2 certificates" in refused(two)
    both = tmp_path / "both.pem"
    both.write_bytes(path.read_bytes() + pem_key(a_private_key("board")))
    assert "private key" in refused(both)
    assert "No such file" in refused(tmp_path / "none.pem")


def test_one_recipient_twice_is_a_mistake(tmp_path: Path) -> None:
    paths = [write_certificate(tmp_path / f"{n}.pem", a_certificate()) for n in range(2)]
    with pytest.raises(
        CertificateRefused, match=r"^two files hold the same recipient's certificate$"
    ):
        load_recipients(paths, NOW)


def test_the_days_left_are_those_of_the_first_to_expire() -> None:
    ends = [der(a_certificate(begin=NOW, days=days)) for days in (300, 20.5, 90)]
    assert days_left(ends, NOW) == 20
    assert days_left(ends, NOW + timedelta(days=21)) < 0
    assert isinstance(x509.load_der_x509_certificate(ends[0]), x509.Certificate)

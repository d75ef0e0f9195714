"""Recordings with an identity in every place that a careless or hostile sender may use.

Every planted text holds `MARK`, every planted UID `UID_MARK`, every planted number or date is in
`NUMBERS`: `found_in` tells which of them, in which spelling, stand in some bytes.
"""

import struct
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from tests.factories import VIDEO_PHOTOGRAPHIC, a_header

MARK = "ZZQLEAK"
UID_MARK = "1.2.276.0.7230010.99.4711"
NUMBERS = ("19311230", "31123019991", "170942", "+48600700800")
KANJI = "山田^太郎"

Picture = NDArray[np.uint8]


def found_in(content: bytes) -> list[str]:
    """Which planted values stand in the bytes, in any usual spelling."""
    lowered = content.lower()
    planted = [MARK, UID_MARK, *NUMBERS, "山田", "太郎", "1931-12-30", "30.12.1931"]
    return [text for text in planted if any(way in lowered for way in _spellings(text))]


def _spellings(text: str) -> Iterator[bytes]:
    lowered = text.lower()
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "iso2022_jp", "shift_jis"):
        try:
            yield lowered.encode(encoding).lower()
        except UnicodeEncodeError:  # pragma: no cover - all planted texts fit
            continue
    yield lowered.encode().hex().encode()
    yield lowered[::-1].encode()


def name(number: int) -> str:
    """A person's name that no other place has."""
    return f"{MARK}{number}^Wanda"


def a_hostile_header(sop_class_uid: str = VIDEO_PHOTOGRAPHIC, **attributes: object) -> Dataset:
    """Values in their attributes, in others' attributes, private, nested, repeated, trailing."""
    header = a_header(sop_class_uid)
    header.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    header.SOPInstanceUID = f"{UID_MARK}.1"
    header.StudyInstanceUID = f"{UID_MARK}.2"
    header.SeriesInstanceUID = f"{UID_MARK}.3"
    header.FrameOfReferenceUID = f"{UID_MARK}.4"
    header.PatientName = f"{name(0)}={KANJI}"
    header.PatientID = NUMBERS[1]
    header.PatientBirthDate = NUMBERS[0]
    header.StudyDate, header.StudyTime = NUMBERS[0], NUMBERS[2]
    header.PatientTelephoneNumbers = NUMBERS[3]
    header.OtherPatientNames = [name(1), name(2)]
    header.StudyDescription = f"{MARK}\\second value\\{KANJI}"
    header.BodyPartExamined = "FACE"
    header.PatientComments = f"{MARK} long " * 3000
    header.ImageComments = f"{MARK}3"
    header.DerivationDescription = f"{MARK}4"
    header.DeidentificationMethod = f"{MARK}5"
    header.ContentQualification = "PRODUCT"
    header.DigitalSignaturesSequence = Sequence([_item(CertificateOfSigner=MARK.encode() + b"6")])
    header.OriginalAttributesSequence = Sequence(
        [
            _item(
                SourceOfPreviousValues=f"{MARK}7",
                ModifiedAttributesSequence=Sequence([_item(PatientName=name(8))]),
            )
        ]
    )
    header.ICCProfile = b"\0\0\0\x40" + b"desc" + MARK.encode() + bytes(20)
    icon = _item(Rows=1, Columns=7, SamplesPerPixel=1, BitsAllocated=8, PixelData=MARK.encode())
    icon["PixelData"].VR = "OB"
    header.IconImageSequence = Sequence([icon])
    header.RequestAttributesSequence = Sequence([_nested(25)])
    for group in (0x6000, 0x601E):
        header.add_new((group, 0x0022), "LO", f"{MARK}9")
        header.add_new((group, 0x3000), "OW", (MARK + "9").encode())
    header.add_new((0x5000, 0x0030), "SH", f"{MARK}10")
    header.add_new((0x0008, 0x0061), "CS", MARK)  # a name where a code should be
    header.add_new((0x0018, 0x1020), "UN", f"{MARK}11".encode())
    for group, creator in ((0x0009, "ACME"), (0x7FE1, f"{MARK}12")):
        block = header.private_block(group, creator, create=True)
        for offset, vr in enumerate(("LO", "PN", "UT", "UI")):
            block.add_new(offset, vr, f"{UID_MARK}.5" if vr == "UI" else name(13))
        block.add_new(16, "OB", (MARK + "14").encode() + b"\0")
        block.add_new(17, "SQ", Sequence([_item(PatientName=name(15))]))
    # Data Set Trailing Padding stands behind Pixel Data; (FFFC,FFFC) is its only attribute.
    header.add_new((0xFFFC, 0xFFFC), "OB", (MARK + "16").encode())
    for keyword, value in attributes.items():
        setattr(header, keyword, value)
    return header


def _item(**attributes: object) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def _nested(depth: int) -> Dataset:
    item = _item(ScheduledProcedureStepDescription=f"{MARK}17", ReferringPhysicianName=name(18))
    for _ in range(depth):
        item = _item(RequestedProcedureDescription=f"{MARK}19", ReferencedStudySequence=[item])
    return item


def plant_in_file(path: Path) -> Path:
    """Plant in preamble and file meta information of a Part 10 file too."""
    dataset = dcmread(path)
    dataset.preamble = (MARK + "20").encode().ljust(128, b"\0")
    meta = dataset.file_meta
    meta.SourceApplicationEntityTitle = f"{MARK}21"
    meta.SendingApplicationEntityTitle = f"{MARK}22"
    meta.ReceivingApplicationEntityTitle = f"{MARK}23"
    meta.ImplementationVersionName = f"{MARK}24"
    meta.ImplementationClassUID = UID(f"{UID_MARK}.6")
    meta.PrivateInformationCreatorUID = UID(f"{UID_MARK}.7")
    meta.PrivateInformation = (MARK + "25").encode() + b"\0"
    dataset.save_as(path, enforce_file_format=True)
    return path


# Streams


def a_hostile_mp4(path: Path, frames: list[Picture], *, muxer: str = "mp4") -> Path:
    """H.264 with tags, subtitles, a second picture track, a data track, chapters and a cover."""
    options = {"movflags": "+use_metadata_tags"} if muxer == "mov" else {}
    rows, columns = frames[0].shape[:2]
    with av.open(str(path), "w", format=muxer, options=options) as container:
        container.metadata.update(
            {
                "title": f"{MARK}30", "artist": f"{MARK}31", "comment": f"{MARK}32",
                "location": "+52.2297+021.0122/", "creation_time": "1931-12-30T17:09:42Z",
                "com.apple.quicktime.author": f"{MARK}33", "xmp": f"<x>{MARK}34</x>",
            }
        )  # fmt: skip
        streams = []
        for _ in range(2):
            stream = container.add_stream("libx264", rate=25, options={"crf": "15"})
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = columns, rows, "yuv420p"
            stream.codec_context.max_b_frames = 0
            stream.metadata.update({"handler_name": f"{MARK}35", "timecode": "17:09:42:00"})
            streams.append(stream)
        for picture in frames:
            for stream in streams:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        for stream in streams:
            container.mux(stream.encode(None))
    data = path.read_bytes()
    path.write_bytes(data + _box(b"uuid", bytes(16) + MARK.encode()) + _box(b"free", b"ZZQLEAK36"))
    return path


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def an_elementary_stream(path: Path, frames: list[Picture], codec: str, muxer: str) -> Path:
    """A raw stream with a planted user data unit before every picture."""
    rows, columns = frames[0].shape[:2]
    with av.open(str(path), "w", format=muxer) as container:
        options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
        stream = container.add_stream(codec, rate=Fraction(25), options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = columns, rows, "yuv420p"
        stream.bit_rate = 2_000_000
        stream.codec_context.max_b_frames = 0
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    path.write_bytes(_with_user_data(path.read_bytes(), codec))
    return path


def _with_user_data(stream: bytes, codec: str) -> bytes:
    text = MARK.encode() + b"40"
    payload = bytes([5, 16 + len(text)]) + bytes(range(1, 17)) + text + b"\x80"
    if codec == "mpeg2video":  # user_data behind each picture coding extension
        unit, before = b"\0\0\1\xb2" + text, b"\0\0\1\x01"
    elif codec == "libx265":
        unit, before = b"\0\0\0\1\x4e\x01" + payload, b"\0\0\1\x02\x01"
    else:
        unit, before = b"\0\0\0\1\x06" + payload, b"\0\0\1\x41\x9a"  # the first slice of a picture
    assert before in stream
    return stream.replace(before, unit + before)


def a_hostile_jpeg(picture: Picture) -> bytes:
    """A photograph with EXIF, comment, XMP, an ICC description and bytes after its end."""
    exif = Image.Exif()
    exif[0x010E], exif[0x013B], exif[0x9286] = f"{MARK}50", f"{MARK}51", f"{MARK}52"
    buffer = BytesIO()
    Image.fromarray(picture).save(
        buffer, "JPEG", quality=92, subsampling=1, exif=exif, comment=(MARK + "53").encode(),
        icc_profile=(MARK + "54").encode(),
    )  # fmt: skip
    return buffer.getvalue() + (MARK + "55").encode() + b"\0"

"""The same secrets in many objects: by character set, encoding, kind of pictures and container."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from tests.adversary import part10 as dicom
from tests.adversary.movie import HIDDEN, hostile_mp4
from tests.adversary.part10 import CharacterSet, Part10, fragments, number, put
from tests.adversary.plant_attributes import plant_in_attributes
from tests.adversary.plant_structures import plant_around, plant_in_structures
from tests.adversary.plant_wrong import spoil
from tests.adversary.planter import Planter
from tests.adversary.search import Search
from tests.adversary.secrets import Mint, Secret, Where
from tests.adversary.streams import (
    Picture,
    annex_b,
    h264,
    hevc,
    jpeg,
    mpeg2,
    transport_stream,
    written_in_pixels,
)
from tests.e2e.camera import pictures_of

N_FRAMES: Final = 5
VIDEO_PHOTOGRAPHIC: Final = "1.2.840.10008.5.1.4.1.1.77.1.4.1"
VIDEO_ENDOSCOPIC: Final = "1.2.840.10008.5.1.4.1.1.77.1.1.1"
VL_PHOTOGRAPHIC: Final = "1.2.840.10008.5.1.4.1.1.77.1.4"
SECONDARY_CAPTURE: Final = "1.2.840.10008.5.1.4.1.1.7"
MULTI_FRAME_CAPTURE: Final = "1.2.840.10008.5.1.4.1.1.7.4"
MPEG_2: Final = "1.2.840.10008.1.2.4.100"
H264: Final = "1.2.840.10008.1.2.4.102"
H264_FRAGMENTABLE: Final = "1.2.840.10008.1.2.4.102.1"
HEVC: Final = "1.2.840.10008.1.2.4.107"
JPEG: Final = "1.2.840.10008.1.2.4.50"


@dataclass(slots=True)
class Planted:
    """An object full of secrets."""

    name: str
    """Of the function that made it."""
    object: Part10
    mint: Mint
    n_frames: int
    """Pictures that may be shown."""
    file_name: str = field(init=False)
    move_originator: str = field(init=False)
    """AE title of the command set (0000,1030)."""

    def __post_init__(self) -> None:
        names = Mint(f"{self.name} around", Where.FILE_NAME)
        person = names.text("file name", "file name")
        self.file_name = f"{person} {names.date('file name', 'file name')}.dcm"
        command = Mint(f"{self.name} command", Where.ASSOCIATION)
        self.move_originator = command.text("command set", "MoveOriginatorApplicationEntityTitle")
        self.mint.secrets += [*names.secrets, *command.secrets]

    @property
    def secrets(self) -> list[Secret]:
        """All that was planted."""
        return self.mint.secrets

    def in_object(self) -> list[Secret]:
        """What was planted in the bytes of the object."""
        return [secret for secret in self.secrets if secret.where is Where.OBJECT]


Make = Callable[[list[Picture]], Planted]


def _planted(name: str, sop_class_uid: str, character_set: CharacterSet) -> tuple[Planter, Part10]:
    """Start an object: all attributes are planted, no picture is in it yet."""
    mint = Mint(name)
    planter = Planter(mint, character_set)
    plant_in_structures(planter)
    plant_in_attributes(planter)
    instance = mint.uid("UID with a moment in it", "SOPInstanceUID")
    made = Part10(sop_class_uid, instance, character_set, elements=planter.item)
    put(made.elements, "SOPClassUID", sop_class_uid.encode())
    put(made.elements, "SOPInstanceUID", instance.encode())
    if character_set.declared is not None:
        put(made.elements, "SpecificCharacterSet", character_set.declared)
    plant_around(planter, made)
    return planter, made


def _describe(made: Part10, picture: Picture, photometric: str, n_frames: int | None) -> None:
    rows, columns = picture.shape[:2]
    for keyword, value in (
        ("SamplesPerPixel", 3), ("PlanarConfiguration", 0), ("Rows", rows), ("Columns", columns),
        ("BitsAllocated", 8), ("BitsStored", 8), ("HighBit", 7), ("PixelRepresentation", 0),
    ):  # fmt: skip
        put(made.elements, keyword, number("US", value))
    put(made.elements, "PhotometricInterpretation", photometric.encode())
    if n_frames is not None:
        put(made.elements, "NumberOfFrames", str(n_frames).encode())


def _time(planter: Planter) -> None:
    planter.mint.forget("FrameTime")
    put(planter.item, "FrameTime", b"40")


def _video(
    name: str,
    pictures: list[Picture],
    stream: Callable[[Mint, list[Picture]], bytes],
    *,
    sop_class_uid: str = VIDEO_PHOTOGRAPHIC,
    character_set: CharacterSet = dicom.UTF_8,
    transfer_syntax_uid: str = H264,
    n_fragments: int = 1,
    hidden: int = 0,
    wrong: bool = False,
) -> Planted:
    planter, made = _planted(name, sop_class_uid, character_set)
    made.transfer_syntax_uid = transfer_syntax_uid
    _describe(made, pictures[0], "YBR_PARTIAL_420", len(pictures) - hidden)
    if hidden == 0:  # such a stream has no times of its own: what a header says is taken for true
        _time(planter)
    if wrong:
        spoil(planter)
    made.pixel_data = fragments(stream(planter.mint, pictures), n_fragments)
    return Planted(name, made, planter.mint, len(pictures) - hidden)


def utf_8_mp4(pictures: list[Picture]) -> Planted:
    """UTF-8, H.264 in an MP4 that is full of boxes."""
    return _video("utf_8_mp4", pictures, hostile_mp4, hidden=HIDDEN)


def japanese_transport_stream(pictures: list[Picture]) -> Planted:
    """ISO 2022 with kanji, H.264 in a transport stream, an endoscope's SOP class."""
    return _video(
        "japanese_transport_stream", pictures, transport_stream,
        sop_class_uid=VIDEO_ENDOSCOPIC, character_set=dicom.JAPANESE,
    )  # fmt: skip


def latin_1_mpeg_2(pictures: list[Picture]) -> Planted:
    """Latin-1, a raw MPEG-2 stream."""
    return _video(
        "latin_1_mpeg_2", pictures, mpeg2,
        character_set=dicom.LATIN_1, transfer_syntax_uid=MPEG_2,
    )  # fmt: skip


def chinese_hevc_in_fragments(pictures: list[Picture]) -> Planted:
    """GB18030, a raw HEVC stream cut into nine fragments."""
    return _video(
        "chinese_hevc_in_fragments", pictures, hevc,
        character_set=dicom.CHINESE, transfer_syntax_uid=HEVC, n_fragments=9,
    )  # fmt: skip


def wrong_representations(pictures: list[Picture]) -> Planted:
    """Texts under representations of numbers and dates, a lying character set, raw H.264."""
    return _video(
        "wrong_representations", pictures, hostile_mp4,
        character_set=dicom.LYING, transfer_syntax_uid=H264, hidden=HIDDEN, wrong=True,
    )  # fmt: skip


def raw_h264_in_fragments(pictures: list[Picture]) -> Planted:
    """The fragmentable transfer syntax, a raw H.264 stream in many small fragments."""
    return _video(
        "raw_h264_in_fragments", pictures, lambda mint, taken: annex_b(h264(mint, taken)),
        transfer_syntax_uid=H264_FRAGMENTABLE, n_fragments=40,
    )  # fmt: skip


def korean_jpeg(pictures: list[Picture]) -> Planted:
    """ISO 2022 with hangul, a JPEG with all application segments."""
    planter, made = _planted("korean_jpeg", VL_PHOTOGRAPHIC, dicom.KOREAN)
    made.transfer_syntax_uid = JPEG
    _describe(made, pictures[0], "YBR_FULL_422", None)
    made.pixel_data = fragments(jpeg(planter.mint, pictures[0]), 1)
    return Planted("korean_jpeg", made, planter.mint, 1)


def implicit_photo(pictures: list[Picture]) -> Planted:
    """Implicit VR: private values under what the library's private dictionary makes of them."""
    planter, made = _planted("implicit_photo", SECONDARY_CAPTURE, dicom.UTF_8)
    made.transfer_syntax_uid = dicom.IMPLICIT
    _describe(made, pictures[0], "RGB", None)
    made.pixel_data = written_in_pixels(planter.mint, pictures[0], "photograph").tobytes()
    return Planted("implicit_photo", made, planter.mint, 1)


def deflated_capture(pictures: list[Picture]) -> Planted:
    """Deflated, many frames, texts without any declared character set."""
    taken = pictures[:3]
    planter, made = _planted("deflated_capture", MULTI_FRAME_CAPTURE, dicom.UNDECLARED)
    made.transfer_syntax_uid = dicom.DEFLATED
    _describe(made, taken[0], "RGB", len(taken))
    _time(planter)
    put(made.elements, "FrameIncrementPointer", b"\x18\0\x63\x10")
    marked = [written_in_pixels(planter.mint, p, f"frame {i}") for i, p in enumerate(taken)]
    made.pixel_data = np.stack(marked).tobytes()
    return Planted("deflated_capture", made, planter.mint, len(taken))


MASKED: Final[tuple[Make, ...]] = (
    utf_8_mp4, japanese_transport_stream, latin_1_mpeg_2, chinese_hevc_in_fragments,
    wrong_representations, raw_h264_in_fragments, korean_jpeg, implicit_photo, deflated_capture,
)  # fmt: skip
"""Objects that the node masks."""


@cache
def planted(make: Make, talking_face: Path) -> tuple[Planted, bytes, Search]:
    """Build an object once: what is in it, its file, and the search for what is in it."""
    hidden = HIDDEN if make in (utf_8_mp4, wrong_representations) else 0
    made = make(pictures_of(talking_face)[: N_FRAMES + hidden])
    return made, made.object.file(), Search(made.secrets)


def search_beyond(made: Planted, talking_face: Path) -> list[Search]:
    """Search for what an object of `MASKED`, changed, holds: again, and for what was added."""
    [make] = [make for make in MASKED if make.__name__ == made.name]
    base, _, search = planted(make, talking_face)
    known = set(base.secrets)
    return [search, Search(secret for secret in made.secrets if secret not in known)]

"""Objects full of secrets that are broken, and so may be refused: refusals must be silent, too.

Libraries quote what they can't read. Each object here makes another part of the node complain.
"""

import struct
from collections.abc import Callable
from typing import Final

import numpy as np

from tests.adversary import part10 as dicom
from tests.adversary.part10 import Element, fragments, number, put
from tests.adversary.streams import Picture
from tests.adversary.variants import (
    Planted,
    implicit_photo,
    japanese_transport_stream,
    korean_jpeg,
    raw_h264_in_fragments,
)

MakeFile = Callable[[list[Picture]], tuple[Planted, bytes]]
_CATEGORY: Final = "broken on purpose"
_TOO_DEEP: Final = 300


def without_study(pictures: list[Picture]) -> tuple[Planted, bytes]:
    """No Study Instance UID."""
    made = raw_h264_in_fragments(pictures)
    del made.object.elements[0x0020000D]
    made.mint.forget("StudyInstanceUID")
    return made, made.object.file()


def too_deep(pictures: list[Picture]) -> tuple[Planted, bytes]:
    """Nested deeper than any limit."""
    made = raw_h264_in_fragments(pictures)
    text = made.mint.text(_CATEGORY, f"depth {_TOO_DEEP}")
    item = b"\x10\0\x20\0LO" + struct.pack("<H", len(text)) + text.encode()
    for _ in range(_TOO_DEEP):
        item = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(item)) + item
        item = b"\x08\0\x10\x11SQ\0\0" + struct.pack("<I", len(item)) + item
    whole = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(item)) + item
    made.object.elements[0x00081250] = Element("SQ", whole)
    return made, made.object.file()


def text_as_sequence(pictures: list[Picture]) -> tuple[Planted, bytes]:
    """A name where items should be."""
    made = raw_h264_in_fragments(pictures)
    text = made.mint.text(_CATEGORY, "sequence of letters").encode()
    made.object.elements[0x00081250] = Element("SQ", text)
    return made, made.object.file()


def character_set_that_is_a_name(pictures: list[Picture]) -> tuple[Planted, bytes]:
    """A name where the character set should be."""
    made = raw_h264_in_fragments(pictures)
    text = made.mint.text(_CATEGORY, "SpecificCharacterSet", "ISO 2022 {}")
    put(made.object.elements, "SpecificCharacterSet", text.encode())
    return made, made.object.file()


def promised_frames(pictures: list[Picture]) -> tuple[Planted, bytes]:
    """A record number as Number of Frames, in a stream that can't contradict it."""
    made = japanese_transport_stream(pictures)
    value = made.mint.number(_CATEGORY, "NumberOfFrames")
    put(made.object.elements, "NumberOfFrames", value.encode())
    return made, made.object.file()


def prose_for_pictures(pictures: list[Picture]) -> tuple[Planted, bytes]:
    """Letters where the stream should be."""
    made = raw_h264_in_fragments(pictures)
    made.mint.secrets = [s for s in made.mint.secrets if s.category != "SEI user data"]
    text = made.mint.text(_CATEGORY, "Pixel Data", "{} is no stream ").encode() * 60
    made.object.pixel_data = fragments(text, 3)
    return made, made.object.file()


def cut(pictures: list[Picture]) -> tuple[Planted, bytes]:
    """Half a file."""
    made = implicit_photo(pictures)
    data = made.object.file()
    return made, data[: len(data) * 2 // 3]


def wrong_pixel_description(pictures: list[Picture]) -> tuple[Planted, bytes]:
    """Names and record numbers in the attributes that describe the pixels."""
    made = implicit_photo(pictures)
    text = made.mint.text(_CATEGORY, "PhotometricInterpretation", "RGB {}")
    put(made.object.elements, "PhotometricInterpretation", text.encode())
    value = made.mint.number(_CATEGORY, "NumberOfFrames")
    put(made.object.elements, "NumberOfFrames", value.encode())
    put(made.object.elements, "BitsAllocated", b"Wanda1")
    return made, made.object.file()


def half_a_jpeg(pictures: list[Picture]) -> tuple[Planted, bytes]:
    """A photograph that ends in the middle of its pixels."""
    made = korean_jpeg(pictures)
    made.mint.forget("behind EOI")
    whole = made.object.pixel_data
    made.object.pixel_data = fragments(whole[16 : len(whole) * 3 // 4], 1)
    return made, made.object.file()


def nobody_there(pictures: list[Picture]) -> tuple[Planted, bytes]:
    """A wall: no face in it."""
    made = implicit_photo(pictures)
    made.mint.secrets = [s for s in made.mint.secrets if s.category != "written in pixels"]
    made.object.pixel_data = np.full(pictures[0].shape, 128, np.uint8).tobytes()
    return made, made.object.file()


def a_report(pictures: list[Picture]) -> tuple[Planted, bytes]:
    """A structured report: no pictures at all."""
    made = implicit_photo(pictures)
    made.mint.secrets = [s for s in made.mint.secrets if s.category != "written in pixels"]
    made.object.transfer_syntax_uid = dicom.EXPLICIT
    made.object.sop_class_uid = "1.2.840.10008.5.1.4.1.1.88.11"
    put(made.object.elements, "SOPClassUID", made.object.sop_class_uid.encode())
    made.object.pixel_data = b""
    return made, made.object.file()


def unheard_of_syntax(pictures: list[Picture]) -> tuple[Planted, bytes]:
    """A transfer syntax of the sender's own, named after a record number."""
    made = raw_h264_in_fragments(pictures)
    made.object.transfer_syntax_uid = made.mint.uid(_CATEGORY, "TransferSyntaxUID")
    return made, made.object.file()


def unheard_of_class(pictures: list[Picture]) -> tuple[Planted, bytes]:
    """A SOP class of the sender's own, named after a record number."""
    made = raw_h264_in_fragments(pictures)
    made.object.sop_class_uid = made.mint.uid(_CATEGORY, "SOPClassUID")
    put(made.object.elements, "SOPClassUID", made.object.sop_class_uid.encode())
    return made, made.object.file()


def no_file_at_all(pictures: list[Picture]) -> tuple[Planted, bytes]:
    """Prose."""
    made = raw_h264_in_fragments(pictures)
    made.mint.secrets = [s for s in made.mint.secrets if s.category == "file name"]
    text = made.mint.text(_CATEGORY, "prose", "The patient is {}. ")
    return made, text.encode() * 500


def rows_of_nonsense(pictures: list[Picture]) -> tuple[Planted, bytes]:
    """Far more rows than there are."""
    made = implicit_photo(pictures)
    for keyword in ("Rows", "Columns"):
        put(made.object.elements, keyword, number("US", 0xFDFD))
    return made, made.object.file()


REFUSED: Final[tuple[MakeFile, ...]] = (
    without_study, too_deep, text_as_sequence, character_set_that_is_a_name, promised_frames,
    prose_for_pictures, cut, wrong_pixel_description, half_a_jpeg, nobody_there, a_report,
    unheard_of_syntax, unheard_of_class, no_file_at_all, rows_of_nonsense,
)  # fmt: skip
"""Objects that the node need not mask."""
MAY_BE_MASKED: Final = (text_as_sequence, character_set_that_is_a_name, unheard_of_class)
"""Of these, those that the pipeline may find harmless."""

"""Secrets under value representations that can't hold them."""

from itertools import cycle
from typing import Final

from tests.adversary.part10 import Element, put
from tests.adversary.planter import Planter, name

_WRONG: Final = (
    "DA", "TM", "DT", "DS", "IS", "UI", "AS", "AT", "US", "SS", "UL", "SL", "FL", "FD", "CS", "AE",
    "OB", "OW", "OF", "OD", "UN", "PN", "UR",
)  # fmt: skip
_KEPT: Final = frozenset({0x00080005, 0x00080016, 0x00080018, 0x0020000D, 0x0020000E})
"""Without these there is no object to mask; they are spoilt in variants of their own."""
_TEXTS: Final = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})


def spoil(planter: Planter) -> None:
    """Give every second text the representation of something else, and plant more of them."""
    category = "text under another representation"
    wrong = cycle(_WRONG)
    texts = [tag for tag, e in sorted(planter.item.items()) if e.vr in _TEXTS and tag not in _KEPT]
    for tag in texts[::2]:
        value = planter.item[tag].value
        assert isinstance(value, bytes)
        if tag & 0x1FF00 != 0x10000:  # a private creator stays one
            planter.item[tag] = Element(next(wrong), value)
    for keyword in ("PatientID", "PatientName", "AccessionNumber", "StudyDescription",
                    "BodyPartExamined", "PatientSex", "LossyImageCompression"):  # fmt: skip
        # The attributes that the node itself reads.
        planter.mint.forget(keyword)
        planter.plant(keyword, category, vr=next(wrong))
    for keyword in ("FrameTime", "CineRate", "NumberOfFrames", "PatientBirthDate", "StudyDate",
                    "StudyTime", "PatientAge", "PatientWeight", "SeriesNumber"):  # fmt: skip
        planter.mint.forget(keyword)
        planter.plant(keyword, category, "{}\\7")
    # A number where a text belongs, and the other way round in private attributes known by name.
    put(planter.item, 0x20010010, b"Philips Imaging DD 001", "LO")
    for element, vr in ((1, "FL"), (2, "IS"), (3, "FL"), (4, "CS"), (0x10, "US")):
        planter.mint.forget(name(0x20011000 | element))
        planter.plant(0x20011000 | element, category, vr=vr)
    put(planter.item, 0x00290010, b"SIEMENS CSA HEADER", "LO")
    for element in (0x08, 0x09, 0x10, 0x20):
        planter.plant(0x00291000 | element, category, vr="SL")

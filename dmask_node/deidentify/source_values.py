"""Read single values of a source header, whatever else that header holds.

Nothing is decoded but the element asked for: private, nested or broken elements beside it can
neither raise nor cost time.
"""

import warnings
from typing import Final

from pydicom import Dataset, Sequence
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.multival import MultiValue
from pydicom.tag import Tag
from pydicom.valuerep import PersonName

_CHARACTER_SET: Final = Tag("SpecificCharacterSet")
_PADDING: Final = " \0\t\r\n"
_MAX_CHARACTERS: Final = 1024
"""No attribute read here is longer than 64 characters (LO); more is not a value."""
_MAX_SEQUENCE_BYTES: Final = 4096
"""A code in a sequence of its own takes some 200; more is not decoded."""


def read_text(header: Dataset, keyword: str) -> str | None:
    """Return one attribute as text.

    Parameters
    ----------
    header : Dataset
        As received.
    keyword : str
        Of a text, code or UID attribute at the top level.

    Returns
    -------
    str or None
        Without padding; several values are joined by backslashes, as they were sent. None where
        the attribute is absent, empty, unreadable, or no text.
    """
    tag = Tag(keyword)
    if tag not in header:
        return None
    alone = Dataset()  # decoding in the header itself would replace what was received
    for needed in (_CHARACTER_SET, tag):
        if needed in header:
            alone[needed] = header.get_item(needed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote the value
            value = alone[tag].value
    except Exception:  # noqa: BLE001 - pydicom raises what it likes on a broken element
        value = getattr(header.get_item(tag), "value", None)
    if isinstance(value, (MultiValue, list)):
        value = "\\".join(str(part) for part in value)
    if isinstance(value, bytes):
        # Broken, or of unknown VR: any text will do as long as the same bytes give the same.
        value = value.decode("latin-1")
    if isinstance(value, bool) or not isinstance(value, (str, PersonName, int, float)):
        return None
    text = str(value).strip(_PADDING)
    return text if 0 < len(text) <= _MAX_CHARACTERS else None


def read_code(header: Dataset, keyword: str) -> tuple[str, str] | None:
    """Return the one code of a code sequence.

    Parameters
    ----------
    header : Dataset
        As received.
    keyword : str
        Of a sequence at the top level.

    Returns
    -------
    tuple of str, or None
        Code Value and Coding Scheme Designator. None where the sequence is absent, unreadable or
        far longer than a code, has no or several items, or the item lacks one of the two.
    """
    tag = Tag(keyword)
    if tag not in header:
        return None
    element = header.get_item(tag)
    if isinstance(element, RawDataElement):
        if len(element.value or b"") > _MAX_SEQUENCE_BYTES:
            return None
        element = _decoded(element)
    items = getattr(element, "value", None)
    if not isinstance(items, Sequence) or len(items) != 1:
        return None
    value = read_text(items[0], "CodeValue")
    scheme = read_text(items[0], "CodingSchemeDesignator")
    return (value, scheme) if value and scheme else None


def _decoded(element: RawDataElement) -> DataElement | None:
    """Decode one element apart from its header; None if that fails."""
    alone = Dataset()
    alone[element.tag] = element
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote the value
            return alone[element.tag]
    except Exception:  # noqa: BLE001 - pydicom raises what it likes on a broken element
        return None

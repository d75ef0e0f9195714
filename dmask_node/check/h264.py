"""What stands in H.264 parameter sets and before the pictures' data (ITU-T H.264 7.3; pure).

Parameter sets are read to their last bit, and every field must be what the node's encoder writes
for a picture of this size and rate. Of a slice only its first fields are read: what its data show
can't be known without decoding them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from dmask_node.check.boxes import Malformed

HIGH_PROFILE: Final = 100
_ALL_INTRA: Final = 0x10
"""constraint_set3_flag: every picture can be decoded by itself (one frame a second)."""
_LEVELS: Final = (41, 42)
_BT601: Final = 6
"""Colour primaries, transfer and matrix of SMPTE 170M (H.264 tables E-3 to E-5)."""
_START_CODE: Final = re.compile(rb"\x00\x00(?:[\x00-\x02]|\x03[^\x00-\x03])")
"""What may not stand in a NAL unit (H.264 7.4.1): a reader of byte streams would see the begin of
another one."""
_NAL_NAMES: Final = {6: " (SEI)", 9: " (access unit delimiter)", 12: " (filler)"}
_IDR: Final = 5
_SLICES: Final = frozenset({1, _IDR})
_MAX_GOLOMB_BITS: Final = 32


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """What a sequence parameter set says."""

    rows: int
    columns: int
    frame_rate: Fraction
    """Frames a second; for a variable rate, ticks a second."""
    constant_rate: bool


class _Bits:
    """Reads the raw byte sequence payload of one NAL unit, bit by bit (H.264 7.2, 9.1)."""

    def __init__(self, nal: bytes, what: str) -> None:
        payload = nal[1:].replace(b"\0\0\3", b"\0\0")  # H.264 7.3.1
        self._value = int.from_bytes(payload, "big")
        self._left = 8 * len(payload)
        self._what = what

    def take(self, n: int) -> int:
        """Read n bits, the first one highest."""
        self._left -= n
        if self._left < 0:
            raise Malformed(f"{self._what} is cut short")
        return self._value >> self._left & (1 << n) - 1

    def golomb(self) -> int:
        """Read ue(v)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > _MAX_GOLOMB_BITS:
                raise Malformed(f"{self._what} is no parameter set")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        """Read se(v)."""
        code = self.golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)

    def expect(self, field: str, *fields: tuple[int, int]) -> None:
        """Require that (read, wanted) pairs agree."""
        if any(read != wanted for read, wanted in fields):
            raise Malformed(f"{self._what} has an unusual {field}")

    def end(self) -> None:
        """Require the stop bit, zeros to the end of its byte, and nothing else."""
        left = self._left
        if left < 1 or left > 8 or self.take(left) != 1 << left - 1:
            raise Malformed(f"{self._what} has bits after its end")


def read_sequence_set(nal: bytes) -> PictureFormat:
    """Read a sequence parameter set of High profile (H.264 7.3.2.1.1, E.1.1).

    Parameters
    ----------
    nal : bytes
        The NAL unit with its header byte.

    Returns
    -------
    PictureFormat

    Raises
    ------
    Malformed
        If it says anything that the node's encoder would not say, or has more bits.
    """
    what = "the sequence parameter set"
    if not nal or nal[0] != 0x67 or _START_CODE.search(nal):
        raise Malformed(f"{what} is none")
    bits = _Bits(nal, what)
    bits.expect("profile", (bits.take(8), HIGH_PROFILE))
    _require(bits.take(8) in (0, _ALL_INTRA), what, "profile")
    _require(bits.take(8) in _LEVELS, what, "level")
    bits.expect("number", (bits.golomb(), 0))
    bits.expect("chroma format or depth", (bits.golomb(), 1), *_zeros(bits.golomb(), bits.golomb()))
    bits.expect("transform or scaling list", *_zeros(bits.take(1), bits.take(1)))
    _require(bits.golomb() <= 12, what, "frame number length")
    order = bits.golomb()
    _require(order in (0, 2), what, "picture order")
    if order == 0:
        _require(bits.golomb() <= 12, what, "picture order")
    _require(bits.golomb() <= 16, what, "number of reference frames")
    bits.expect("gap rule", (bits.take(1), 0))
    columns, rows = 16 * (bits.golomb() + 1), 16 * (bits.golomb() + 1)
    bits.expect("interlacing", (bits.take(1), 1))
    bits.take(1)  # direct_8x8_inference_flag: says nothing where there are no B slices
    if bits.take(1):
        left, right, top, bottom = (bits.golomb() for _ in range(4))
        bits.expect("cropping", *_zeros(left, top))
        _require(right < 8 and bottom < 8, what, "cropping")
        columns, rows = columns - 2 * right, rows - 2 * bottom
    bits.expect("usability information", (bits.take(1), 1))
    rate, constant = _read_usability(bits, what)
    bits.end()
    return PictureFormat(rows=rows, columns=columns, frame_rate=rate, constant_rate=constant)


def _read_usability(bits: _Bits, what: str) -> tuple[Fraction, bool]:
    """Read video usability information; return frame rate and whether it is fixed."""
    bits.expect("aspect ratio", (bits.take(1), 1), (bits.take(8), 1))
    bits.expect("overscan", (bits.take(1), 0))
    if bits.take(1):  # video_signal_type_present_flag
        bits.expect("video format or range", (bits.take(3), 5), (bits.take(1), 0))
        if bits.take(1):
            bits.expect("colour", *((bits.take(8), _BT601) for _ in range(3)))
    if bits.take(1):
        bits.expect("chroma location", *_zeros(bits.golomb(), bits.golomb()))
    bits.expect("timing", (bits.take(1), 1))
    ticks, scale = bits.take(32), bits.take(32)
    _require(ticks > 0 and scale > 0, what, "timing")
    constant = bits.take(1) == 1
    bits.expect("decoder model", *_zeros(bits.take(1), bits.take(1)))
    bits.expect("picture structure", (bits.take(1), 0))
    if bits.take(1):  # bitstream_restriction_flag
        bits.take(1)
        bits.expect("bitstream limit", *_zeros(bits.golomb(), bits.golomb()))
        _require(max(bits.golomb(), bits.golomb()) <= 16, what, "motion vector length")
        bits.expect("reordering", (bits.golomb(), 0))
        _require(bits.golomb() <= 16, what, "number of buffered frames")
    rate = Fraction(scale, 2 * ticks)
    bits.expect("timing", (ticks, rate.denominator), (scale, 2 * rate.numerator))
    return rate, constant


def read_picture_set(nal: bytes) -> None:
    """Read a picture parameter set (H.264 7.3.2.2).

    Raises
    ------
    Malformed
        If it says anything that the node's encoder would not say, or has more bits.
    """
    what = "the picture parameter set"
    if not nal or nal[0] != 0x68 or _START_CODE.search(nal):
        raise Malformed(f"{what} is none")
    bits = _Bits(nal, what)
    bits.expect("number", *_zeros(bits.golomb(), bits.golomb()))
    bits.take(1)  # entropy_coding_mode_flag
    bits.expect("picture order", (bits.take(1), 0))
    bits.expect("slice group", (bits.golomb(), 0))
    _require(max(bits.golomb(), bits.golomb()) < 16, what, "number of references")
    _require(bits.take(3) & 3 < 3, what, "weighting")
    _require(-26 <= bits.signed() <= 25 and -26 <= bits.signed() <= 25, what, "quantiser")
    chroma = bits.signed()
    _require(-12 <= chroma <= 12, what, "quantiser")
    bits.take(1)  # deblocking_filter_control_present_flag
    bits.expect("prediction or redundancy", *_zeros(bits.take(1), bits.take(1)))
    bits.take(1)  # transform_8x8_mode_flag
    bits.expect("scaling matrix", (bits.take(1), 0), (bits.signed(), chroma))
    bits.end()


def unexpected_in_sample(sample: memoryview) -> Iterator[str]:
    """Yield what is wrong with one sample: it must be one picture in one slice, whole.

    Parameters
    ----------
    sample : memoryview
        NAL units, each behind its length in four bytes (ISO/IEC 14496-15 5.3.4).

    Raises
    ------
    Malformed
        If NAL units and sample do not end together.
    """
    slices = 0
    for start, end in nal_units(sample):
        head, nal = sample[start], sample[start:end]
        kind = head & 0x1F
        if kind not in _SLICES:
            yield f"NAL units of type {kind}{_NAL_NAMES.get(kind, '')}"
            continue
        slices += 1
        if head & 0x80 or (kind == _IDR and not head & 0x60):
            yield "a NAL unit has an unusual header"
        if nal[-1] == 0 or _START_CODE.search(nal):
            yield "a NAL unit holds the begin of another one"
        if not _begins_a_picture(bytes(nal[:8])):
            yield "a slice is not the first of a picture of type I or P"
    if slices != 1:
        yield f"a frame of {slices} slices"


def is_key_picture(sample: memoryview) -> bool:
    """Whether the sample's first NAL unit is a slice of an IDR picture."""
    return len(sample) > 4 and sample[4] & 0x1F == _IDR


def nal_units(sample: memoryview) -> Iterator[tuple[int, int]]:
    """Yield start and end of every NAL unit in a sample.

    Raises
    ------
    Malformed
        If NAL units and sample do not end together.
    """
    at = 0
    while at < len(sample):
        start = at + 4
        at = start + int.from_bytes(sample[at:start], "big")
        if at == start or at > len(sample):
            raise Malformed("a NAL unit does not fit its frame")
        yield start, at


def _begins_a_picture(head: bytes) -> bool:
    """Read first_mb_in_slice, slice_type and pic_parameter_set_id (H.264 7.3.3)."""
    bits = _Bits(head.ljust(8, b"\xff"), "a slice")
    return bits.golomb() == 0 and bits.golomb() in (0, 2, 5, 7) and bits.golomb() == 0


def _zeros(*fields: int) -> tuple[tuple[int, int], ...]:
    return tuple((field, 0) for field in fields)


def _require(holds: bool, what: str, field: str) -> None:
    if not holds:
        raise Malformed(f"{what} has an unusual {field}")

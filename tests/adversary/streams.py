"""Encoded pictures with secrets between them: H.264, HEVC, MPEG-2, JPEG, transport streams."""

import struct
from fractions import Fraction
from io import BytesIO
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.adversary.secrets import Mint

Picture = NDArray[np.uint8]
RATE: Final = 25
_START: Final = b"\0\0\0\1"
_SOMEBODYS: Final = bytes(range(0x11, 0x21))
"""UUID of user_data_unregistered (H.264 D.2.7)."""


def encode(pictures: list[Picture], codec: str, muxer: str) -> list[bytes]:
    """Encode pictures; return the packets, in Annex B form where there are NAL units."""
    options = {
        "libx264": {"crf": "15", "preset": "veryfast", "x264-params": "threads=1"},
        "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:pools=1:bframes=0"},
    }.get(codec, {})
    rows, columns = pictures[0].shape[:2]
    packets: list[bytes] = []
    with av.open(BytesIO(), "w", format=muxer) as container:
        stream = container.add_stream(codec, rate=Fraction(RATE), options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = columns, rows, "yuv420p"
        stream.bit_rate = 2_000_000
        stream.codec_context.max_b_frames = 0
        stream.codec_context.thread_count = 1
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts = index
            packets += [bytes(packet) for packet in stream.encode(frame)]
        packets += [bytes(packet) for packet in stream.encode(None)]
    assert len(packets) == len(pictures)
    return packets


def nal_units(packet: bytes) -> list[bytes]:
    """Split a packet in Annex B form (H.264 B.1)."""
    return [unit.rstrip(b"\0") for unit in packet.split(b"\0\0\1") if unit.strip(b"\0")]


def sei(mint: Mint, place: str, *, hevc: bool = False) -> bytes:
    """Return a NAL unit of supplemental enhancement information: user data of both kinds."""
    free = _SOMEBODYS + mint.text("SEI user data", f"{place}, unregistered").encode()
    registered = b"\xb5\x12\x34" + mint.text("SEI user data", f"{place}, T.35").encode()
    messages = bytes([5, len(free)]) + free + bytes([4, len(registered)]) + registered
    return (b"\x4e\x01" if hevc else b"\x06") + messages + b"\x80"


def h264(mint: Mint, pictures: list[Picture]) -> list[list[bytes]]:
    """Return the NAL units of each access unit; a planted SEI stands before every picture."""
    units = []
    for index, packet in enumerate(encode(pictures, "libx264", "h264")):
        own = [unit for unit in nal_units(packet) if unit[0] & 0x1F != 6]
        at = next(i for i, unit in enumerate(own) if unit[0] & 0x1F in (1, 5))
        units.append([*own[:at], sei(mint, f"H.264 picture {index}"), *own[at:]])
    return units


def annex_b(units: list[list[bytes]]) -> bytes:
    """Join access units to a raw stream."""
    return b"".join(_START + unit for access_unit in units for unit in access_unit)


def hevc(mint: Mint, pictures: list[Picture]) -> bytes:
    """Return a raw HEVC stream with planted SEI."""
    out = b""
    for index, packet in enumerate(encode(pictures, "libx265", "hevc")):
        for unit in nal_units(packet):
            kind = unit[0] >> 1 & 0x3F
            if kind < 32:
                out += _START + sei(mint, f"HEVC picture {index}", hevc=True)
            if kind != 39:
                out += _START + unit
    return out


def mpeg2(mint: Mint, pictures: list[Picture]) -> bytes:
    """Return a raw MPEG-2 stream with planted user data (H.262 6.2.2.2.2)."""
    out = b""
    for index, packet in enumerate(encode(pictures, "mpeg2video", "mpeg2video")):
        text = mint.text("SEI user data", f"MPEG-2 picture {index}").encode()
        at = packet.index(b"\0\0\1\x01")  # the first slice
        out += packet[:at] + b"\0\0\1\xb2" + text + packet[at:]
    return out


def transport_stream(mint: Mint, pictures: list[Picture]) -> bytes:
    """Return an MPEG-TS: named service, SEI, packets that nobody asked for."""
    category = "transport stream"
    buffer = BytesIO()
    units = h264(mint, pictures)
    rows, columns = pictures[0].shape[:2]
    with av.open(buffer, "w", format="mpegts") as container:
        container.metadata["service_name"] = mint.text(category, "service_name")
        container.metadata["service_provider"] = mint.text(category, "service_provider")
        stream = container.add_stream("libx264", rate=Fraction(RATE))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = columns, rows, "yuv420p"
        for index, access_unit in enumerate(units):
            packet: av.Packet[Any] = av.Packet(annex_b([[b"\x09\xf0", *access_unit]]))
            packet.stream, packet.time_base = stream, Fraction(1, RATE)
            packet.pts = packet.dts = index
            packet.is_keyframe = index == 0
            container.mux(packet)
    stream_bytes = buffer.getvalue()
    for index in range(4):
        text = mint.text(category, f"null packet {index}").encode()
        stream_bytes += b"\x47\x1f\xff" + bytes([0x10 | index]) + text.ljust(184, b"\xff")
    return stream_bytes


def jpeg(mint: Mint, picture: Picture, category: str = "JPEG segments") -> bytes:
    """Return a photograph with application segments of every kind, and bytes behind its end."""
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=92, subsampling=1)
    plain = buffer.getvalue()
    exif = Image.Exif()
    for tag, place in ((0x010E, "description"), (0x013B, "artist"), (0x8298, "copyright"),
                       (0x9C9C, "comment"), (0xA420, "image id"), (0xA430, "owner")):  # fmt: skip
        exif[tag] = mint.text(category, f"EXIF {place}")
    exif[0x0132] = _exif_moment(mint.date_time(category, "EXIF date"))
    segments = _segment(0xE1, exif.tobytes())
    for marker, head, place in (
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0", "XMP"),
        (0xE2, b"ICC_PROFILE\0\1\1", "ICC"), (0xE2, b"MPF\0", "further picture"),
        (0xED, b"Photoshop 3.0\x008BIM\4\4", "IPTC"), (0xEB, b"JP\0\0", "C2PA"),
        (0xE0, b"JFXX\0\x10", "thumbnail"), (0xEF, b"", "APP15"), (0xFE, b"", "comment"),
    ):  # fmt: skip
        segments += _segment(marker, head + mint.text(category, place).encode())
    return plain[:2] + segments + plain[2:] + mint.text(category, "behind EOI").encode()


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _exif_moment(moment: str) -> str:
    return (
        f"{moment[:4]}-{moment[4:6]}-{moment[6:8]} {moment[8:10]}:{moment[10:12]}:{moment[12:14]}"
    )


def written_in_pixels(mint: Mint, picture: Picture, place: str) -> Picture:
    """Write texts into the pixels themselves: letters as brightness, in the corners."""
    marked = picture.copy()
    flat = marked.reshape(-1)
    for at in (0, flat.size - 16, flat.size // 2):
        text = mint.text("written in pixels", f"{place}, {at}").encode()
        flat[at : at + len(text)] = np.frombuffer(text, np.uint8)
    return marked

"""An MP4 written box by box, with a secret in every place that its standards offer.

ISO/IEC 14496-12 (boxes), -14 and -15, QuickTime File Format, 3GPP TS 26.244 (user data).
"""

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np

from tests.adversary.secrets import Mint
from tests.adversary.streams import RATE, Picture, h264, jpeg

_SCALE: Final = 1000
_STEP: Final = _SCALE // RATE
_IDENTITY: Final = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_XMP: Final = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
HIDDEN: Final = 3
"""Pictures that the edit list keeps from being shown."""


@dataclass(slots=True)
class _Track:
    """One track: what its boxes need."""

    handler: bytes
    media_header: bytes
    description: bytes
    samples: list[bytes]
    step: int
    references: bytes = b""
    edits: bytes = b""
    size: tuple[int, int] = (0, 0)


def hostile_mp4(mint: Mint, pictures: list[Picture]) -> bytes:
    """Write a movie; its first `HIDDEN` pictures are not shown."""
    tracks = [
        _pictures(mint, pictures),
        _sound(mint),
        _texts(mint, "subtitles", b"sbtl", b"tx3g"),
        _texts(mint, "chapters", b"text", b"text"),
        _time_code(mint),
        _cover_track(mint, pictures[0]),
    ]
    head = box(b"ftyp", b"isom\0\0\2\0isomavc1") + box(
        b"free", _text(mint, "free and skip", "free")
    )
    stray = _text(mint, "bytes that no sample owns", "begin of mdat")
    data_start = len(head) + 8 + len(stray)
    offsets, payload = [], b""
    for track in tracks:
        offsets.append(data_start + len(payload))
        payload += b"".join(track.samples)
    payload += _text(mint, "bytes that no sample owns", "end of mdat")
    traks = b"".join(
        _trak(mint, number, track, offset)
        for number, (track, offset) in enumerate(zip(tracks, offsets, strict=True), start=1)
    )
    moov = box(b"moov", _mvhd(mint) + traks + _user_data(mint) + _keys(mint) + _xmp(mint, "moov"))
    tail = b"".join(
        box(kind, _text(mint, "free and skip", f"{kind.decode()} at the end"))
        for kind in (b"free", b"skip", b"wide", b"pnot")
    )
    tail += _xmp(mint, "end") + box(
        b"uuid", bytes(16) + _text(mint, "uuid and XMP", "unknown uuid")
    )
    tail += box(
        b"meta", bytes(4) + _hdlr(mint, b"ID32") + box(b"ID32", _text(mint, "MP4 tags", "ID32"))
    )
    behind = b"\0\0\0\0" + _text(mint, "behind the last box", "behind the last box") * 2
    return head + box(b"mdat", stray + payload) + moov + tail + behind


def box(kind: bytes, body: bytes) -> bytes:
    """Write one box."""
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _full(kind: bytes, body: bytes, version_and_flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version_and_flags) + body)


def _text(mint: Mint, category: str, place: str, template: str = "{}") -> bytes:
    return mint.text(category, place, template).encode()


def _times(mint: Mint, place: str) -> bytes:
    """Two moments in seconds since 1904, each a secret of four bytes."""
    moments = b""
    for what in ("creation", "modification"):
        seconds = mint.binary("times of the container", f"{what} of {place}", "I")
        moments += struct.pack(">I", int(seconds))
    return moments


# Tracks


def _pictures(mint: Mint, pictures: list[Picture]) -> _Track:
    units = h264(mint, pictures)
    sets: dict[int, bytes] = {}
    samples = []
    for index, access_unit in enumerate(units):
        kept = []
        for unit in access_unit:
            if unit[0] & 0x1F in (7, 8):
                sets[unit[0] & 0x1F] = unit
            else:
                kept.append(unit)
        if index < HIDDEN:
            text = _text(mint, "hidden pictures", f"hidden picture {index}")
            kept.insert(0, b"\x06" + bytes([5, 16 + len(text)]) + bytes(16) + text + b"\x80")
        samples.append(b"".join(struct.pack(">I", len(unit)) + unit for unit in kept))
    sps, pps = sets[7], sets[8]
    configuration = b"\1" + sps[1:4] + b"\xff\xe1" + struct.pack(">H", len(sps)) + sps
    configuration += b"\1" + struct.pack(">H", len(pps)) + pps
    rows, columns = pictures[0].shape[:2]
    name = _text(mint, "handler and compressor names", "compressorname")
    entry = bytes(6) + b"\0\1" + bytes(16) + struct.pack(">HH", columns, rows)
    entry += struct.pack(">II", 72 << 16, 72 << 16) + bytes(4) + b"\0\1"
    entry += bytes([len(name)]) + name.ljust(31, b"\0") + b"\0\x18\xff\xff"
    entry += box(b"avcC", configuration) + box(
        b"uuid", bytes(16) + _text(mint, "uuid and XMP", "avc1")
    )
    shown = (len(pictures) - HIDDEN) * _STEP
    edits = struct.pack(">IIiI", 1, shown, HIDDEN * _STEP, 1 << 16)
    return _Track(
        handler=b"vide", media_header=_full(b"vmhd", bytes(8), 1), description=box(b"avc1", entry),
        samples=samples, step=_STEP, references=box(b"tref", box(b"chap", struct.pack(">I", 4))),
        edits=box(b"edts", _full(b"elst", edits)), size=(columns, rows),
    )  # fmt: skip


def _sound(mint: Mint) -> _Track:
    """Uncompressed sound whose samples are letters."""
    entry = bytes(6) + b"\0\1" + bytes(8) + struct.pack(">HHIHH", 1, 16, 0, 8000, 0)
    texts = [_text(mint, "sound", f"sample {index}") for index in range(4)]
    return _Track(
        handler=b"soun", media_header=_full(b"smhd", bytes(4)), description=box(b"sowt", entry),
        samples=[text * 32 for text in texts], step=160,
    )  # fmt: skip


def _texts(mint: Mint, category: str, handler: bytes, kind: bytes) -> _Track:
    texts = [_text(mint, category, f"sample {index}", "Pat. {}, PESEL") for index in range(3)]
    style = bytes(6) + b"\0\1" + (bytes(43) if kind == b"text" else bytes(30))
    if kind == b"tx3g":
        font = _text(mint, category, "font")
        style += box(b"ftab", b"\0\1\0\1" + bytes([len(font)]) + font)
    return _Track(
        handler=handler, media_header=_full(b"nmhd", b""), description=box(kind, style),
        samples=[struct.pack(">H", len(text)) + text for text in texts], step=_STEP * 3,
    )  # fmt: skip


def _time_code(mint: Mint) -> _Track:
    start = mint.binary("time code", "first frame number", "I")
    name = _text(mint, "time code", "name of the reel")
    entry = bytes(6) + b"\0\1" + bytes(8) + struct.pack(">II", _SCALE, _STEP) + bytes([RATE, 0])
    entry += box(b"name", struct.pack(">HH", len(name), 0) + name)
    return _Track(
        handler=b"tmcd", media_header=_full(b"nmhd", b""), description=box(b"tmcd", entry),
        samples=[struct.pack(">I", int(start))], step=_STEP,
    )  # fmt: skip


def _cover_track(mint: Mint, picture: Picture) -> _Track:
    """A second picture track: one photograph, with all that a photograph can hold."""
    rows, columns = picture.shape[:2]
    entry = bytes(6) + b"\0\1" + bytes(16) + struct.pack(">HH", columns, rows)
    entry += (
        struct.pack(">II", 72 << 16, 72 << 16) + bytes(4) + b"\0\1" + bytes(32) + b"\0\x18\xff\xff"
    )
    return _Track(
        handler=b"vide", media_header=_full(b"vmhd", bytes(8), 1), description=box(b"jpeg", entry),
        samples=[jpeg(mint, picture, "cover art")], step=_STEP, size=(columns, rows),
    )  # fmt: skip


def _trak(mint: Mint, number: int, track: _Track, offset: int) -> bytes:
    n, duration = len(track.samples), len(track.samples) * track.step
    place = f"track {number}"
    tkhd = _times(mint, place) + struct.pack(">III", number, 0, duration) + bytes(8)
    tkhd += bytes(8) + _IDENTITY + struct.pack(">II", *(side << 16 for side in track.size))
    mdhd = _times(mint, f"{place}, media") + struct.pack(">IIHH", _SCALE, duration, 0x4178, 0)
    sizes = b"".join(struct.pack(">I", len(sample)) for sample in track.samples)
    table = box(
        b"stbl",
        _full(b"stsd", struct.pack(">I", 1) + track.description)
        + _full(b"stts", struct.pack(">III", 1, n, track.step))
        + (_full(b"stss", struct.pack(">II", 1, 1)) if track.handler == b"vide" else b"")
        + _full(b"stsc", struct.pack(">IIII", 1, 1, n, 1))
        + _full(b"stsz", struct.pack(">II", 0, n) + sizes)
        + _full(b"stco", struct.pack(">II", 1, offset)),
    )
    url = _full(b"url ", _text(mint, "data reference", place, "file:///{}.mov\0"), 1)
    dinf = box(b"dinf", _full(b"dref", struct.pack(">I", 1) + url))
    media = box(
        b"mdia",
        _full(b"mdhd", mdhd)
        + _hdlr(mint, track.handler, place)
        + box(b"minf", track.media_header + dinf + table),
    )
    name = box(b"udta", box(b"name", _text(mint, "MP4 tags", f"name of {place}")))
    flags = 7 if number == 1 else 3
    return box(b"trak", _full(b"tkhd", tkhd, flags) + track.edits + track.references + media + name)


def _hdlr(mint: Mint, kind: bytes, place: str = "meta") -> bytes:
    name = _text(mint, "handler and compressor names", f"handler of {place}")
    return _full(b"hdlr", bytes(4) + kind + bytes(12) + name + b"\0")


def _mvhd(mint: Mint) -> bytes:
    body = _times(mint, "movie") + struct.pack(">IIIH", _SCALE, 1000, 1 << 16, 1 << 8)
    return _full(b"mvhd", body + bytes(10) + _IDENTITY + bytes(24) + struct.pack(">I", 9))


# Texts


def _user_data(mint: Mint) -> bytes:
    tags, place = "MP4 tags", "places on earth"
    parts = b""
    for kind in ("©nam", "©ART", "©cmt", "©swr", "©mak", "©mod", "©inf", "©aut"):
        text = _text(mint, tags, f"udta/{kind}")
        parts += box(kind.encode("latin-1"), struct.pack(">HH", len(text), 0x15C7) + text)
    day = mint.date(tags, "udta/©day")
    iso = f"{day[:4]}-{day[4:6]}-{day[6:]}T10:15:01+0200".encode()
    parts += box("©day".encode("latin-1"), struct.pack(">HH", len(iso), 0) + iso)
    coordinate = f"+{mint.decimal(place, 'udta/©xyz')}+{mint.decimal(place, 'udta/©xyz')}/".encode()
    parts += box("©xyz".encode("latin-1"), struct.pack(">HH", len(coordinate), 0) + coordinate)
    for kind in ("titl", "auth", "cprt", "perf", "dscp", "albm", "gnre"):
        parts += _full(kind.encode(), b"\x15\xc7" + _text(mint, tags, f"udta/{kind}") + b"\0")
    loci = b"\x15\xc7" + _text(mint, place, "udta/loci") + b"\0\0"
    loci += b"".join(struct.pack(">I", int(mint.binary(place, "udta/loci", "I"))) for _ in range(3))
    parts += _full(b"loci", loci + _text(mint, place, "udta/loci/body") + b"\0\0")
    chapter = _text(mint, "chapters", "udta/chpl")
    parts += _full(b"chpl", bytes(4) + b"\1" + bytes(8) + bytes([len(chapter)]) + chapter, 1 << 24)
    parts += box(b"XMP_", _text(mint, "uuid and XMP", "udta/XMP_", "<x:xmpmeta>{}</x:xmpmeta>"))
    entries = b""
    for kind in ("©nam", "©ART", "©alb", "©cmt", "desc", "ldes", "©too", "cprt", "©lyr"):
        data = struct.pack(">II", 1, 0) + _text(mint, tags, f"ilst/{kind}")
        entries += box(kind.encode("latin-1"), box(b"data", data))
    cover = struct.pack(">II", 13, 0) + jpeg(mint, np.full((16, 16, 3), 120, np.uint8), "cover art")
    entries += box(b"covr", box(b"data", cover))
    free_form = _full(b"mean", b"com.apple.iTunes") + _full(b"name", _text(mint, tags, "ilst/name"))
    value = struct.pack(">II", 1, 0) + _text(mint, tags, "ilst/----")
    entries += box(b"----", free_form + box(b"data", value))
    parts += box(b"meta", bytes(4) + _hdlr(mint, b"mdir") + box(b"ilst", entries))
    return box(b"udta", parts)


def _keys(mint: Mint) -> bytes:
    """QuickTime's own list of keys and values."""
    names = ("com.apple.quicktime.author", "com.apple.quicktime.title", "com.android.owner")
    keys = b"".join(box(b"mdta", name.encode()) for name in names)
    values = b"".join(
        box(
            struct.pack(">I", number),
            box(b"data", struct.pack(">II", 1, 0) + _text(mint, "MP4 tags", name)),
        )
        for number, name in enumerate(names, start=1)
    )
    body = _hdlr(mint, b"mdta") + _full(b"keys", struct.pack(">I", len(names)) + keys)
    return box(b"meta", body + box(b"ilst", values))


def _xmp(mint: Mint, place: str) -> bytes:
    return box(b"uuid", _XMP + _text(mint, "uuid and XMP", f"XMP at {place}", "<rdf>{}</rdf>"))


def _uuid(mint: Mint, place: str) -> bytes:
    return box(b"uuid", bytes(16) + _text(mint, "uuid and XMP", f"unknown uuid at {place}"))

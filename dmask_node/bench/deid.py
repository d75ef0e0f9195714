"""How long composing takes, beside libraries that clean or merely copy the same header."""

import platform
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import psutil
from pydicom import Dataset, dcmread

from dmask_node.bench.headers import camera_header, nested_header
from dmask_node.compose.encoder import encode_video
from dmask_node.compose.settings import EncoderSettings
from dmask_node.compose.video_sop import compose_video
from dmask_node.config import Settings, audiences
from dmask_node.deidentify.header import clean_header
from dmask_node.deidentify.keys import MasterKey
from dmask_node.records.masked import EncodedVideo

COMPOSE: Final = "compose"
COPY: Final = "pydicom read and write"
TABLE: Final = "dicom-anonymizer"
PEER_PACKAGE: Final = "dicom-anonymizer"
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a file system in memory: no disk is timed
_ROWS, _COLUMNS, _FRAMES = 48, 64, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class DeidTimes:
    """Times over one header."""

    header: str
    """Which."""
    elements: int
    """At every depth."""
    seconds: dict[str, float]
    """Best of several runs, by what was done; the peer is left out where it is not installed."""

    def ratio(self, peer: str) -> float | None:
        """Return how many times as long the peer takes as composing does."""
        return self.seconds[peer] / self.seconds[COMPOSE] if peer in self.seconds else None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeidBench:
    """One run."""

    times: tuple[DeidTimes, ...]
    machine: str


def bench_deid(settings: Settings, least_s: float = 1.0) -> DeidBench:
    """Time composing from several headers, and what peers do with the same bytes.

    Each is given the header as bytes and ends with a written data set: composing reads, cleans and
    writes the object of a masked video into a file system in memory, file synchronisation
    included; the peers read, change in place and write into memory. The video is a few pictures
    long, so that its bytes cost nothing.

    Parameters
    ----------
    settings : Settings
        Profile and key settings of the first destination; the key is a passing one.
    least_s : float, default 1.0
        Seconds spent on each pair of header and contender, at least.

    Returns
    -------
    DeidBench
        Best times.
    """
    with TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as scratch:
        work = Path(scratch)
        pictures = (np.full((_ROWS, _COLUMNS, 3), 90, np.uint8) for _ in range(_FRAMES))
        times_s = [index / 25 for index in range(_FRAMES)]
        encoded = encode_video(
            pictures, times_s, _ROWS, _COLUMNS, work / "masked.mp4", EncoderSettings()
        )
        headers = {
            "of a camera": camera_header(),
            "100 nested items": nested_header(100),
            "2000 nested items": nested_header(2000),
        }
        times = tuple(
            _time(name, header, settings, encoded, work, least_s)
            for name, header in headers.items()
        )
    return DeidBench(times=times, machine=f"{psutil.cpu_count()} cores, {platform.machine()}")


def _time(
    name: str,
    header: Dataset,
    settings: Settings,
    encoded: EncodedVideo,
    work: Path,
    least_s: float,
) -> DeidTimes:
    buffer = BytesIO()
    header.save_as(buffer, enforce_file_format=True)
    data = buffer.getvalue()
    contenders: dict[str, Callable[[], object]] = {
        COMPOSE: lambda: _compose(data, settings, encoded, work / "video.dcm"),
        COPY: lambda: _copy(data),
    }
    if find_spec("dicomanonymizer") is not None:
        contenders[TABLE] = lambda: _anonymize(data)
    seconds = {what: _best(run, least_s) for what, run in contenders.items()}
    return DeidTimes(header=name, elements=_count(header), seconds=seconds)


def _compose(data: bytes, settings: Settings, encoded: EncodedVideo, path: Path) -> None:
    audience = audiences(settings)[0]
    source = dcmread(BytesIO(data))
    keys = _KEY.keys(settings.deidentify.epoch, audience.label)
    header = clean_header(
        source, "ab" * 32, keys, settings.deidentify, audience, models_digest="cd" * 32
    )
    compose_video(encoded, header, path)


def _copy(data: bytes) -> None:
    dataset = dcmread(BytesIO(data))
    dataset.save_as(BytesIO(), enforce_file_format=True)


def _anonymize(data: bytes) -> None:
    # A peer, for developers: not among what the node needs.
    from dicomanonymizer.simpledicomanonymizer import anonymize_dataset

    dataset = dcmread(BytesIO(data))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        anonymize_dataset(dataset)
    dataset.save_as(BytesIO(), enforce_file_format=True)


def _best(run: Callable[[], object], least_s: float) -> float:
    """Run again and again for a while; return the shortest time."""
    best = float("inf")
    until = time.perf_counter() + least_s
    while time.perf_counter() < until:
        began = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - began)
    return best


def _count(dataset: Dataset) -> int:
    return sum(1 for _ in dataset.iterall())


_KEY: Final = MasterKey(bytes(range(7, 39)))
"""Names are thrown away with the objects."""

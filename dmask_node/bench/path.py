"""How fast the whole path is, beside the same clip merely decoded and encoded again."""

import platform
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import psutil
from numpy.typing import NDArray

from dmask_node.compose.encoder import encode_video
from dmask_node.decode.frames import open_source
from dmask_node.events import Event, StageFinished
from dmask_node.pipeline import Parts, mask_instance

Picture = NDArray[np.uint8]


@dataclass
class StageClock:
    """Listens to the pipeline and keeps how long each stage took."""

    required: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    facts: dict[str, dict[str, str | int | float]] = field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        """Note the end of a stage."""
        if isinstance(event, StageFinished):
            self.seconds[event.stage] = event.seconds
            self.facts[event.stage] = event.facts


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchResult:
    """One run over one clip."""

    frames: int
    source_size: tuple[int, int]
    """Columns, rows."""
    masked_size: tuple[int, int]
    """Columns, rows."""
    stage_seconds: dict[str, float]
    """Of each stage; landmarks without decoding, drawing and encoding apart."""
    path_seconds: float
    """The whole path."""
    pass_through_seconds: float
    """The same clip decoded and encoded again, same settings, same process: the physical limit."""
    peak_memory_bytes: int
    """Highest resident size of the process up to the end of the whole path."""
    machine: str

    @property
    def path_fps(self) -> float:
        """Frames per second of the whole path."""
        return self.frames / self.path_seconds

    @property
    def pass_through_fps(self) -> float:
        """Frames per second of decoding and encoding alone."""
        return self.frames / self.pass_through_seconds

    @property
    def share_of_limit(self) -> float:
        """Speed of the whole path, as a share of the physical limit measured in the same run."""
        return self.pass_through_seconds / self.path_seconds


def bench(clip: Path, parts: Parts, enlarge: int = 1) -> BenchResult:
    """Run the whole path over a clip, then merely decode and encode it.

    Parameters
    ----------
    clip : Path
        Video file or DICOM instance with a face.
    parts : Parts
        Settings and models; the same for both runs.
    enlarge : int, default 1
        Make the pictures so many times as large first (not timed): how a small clip tells what a
        large one costs.

    Returns
    -------
    BenchResult
        Wall times of one run in this process.
    """
    clock = StageClock()
    with TemporaryDirectory(prefix="dmask-bench-") as scratch:
        work = Path(scratch)
        if enlarge > 1:
            clip = _enlarged(clip, parts, enlarge, work / "enlarged.mp4")
        began = time.perf_counter()
        study = mask_instance("bench", clip, work, parts, [clock])
        path_seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

        began = time.perf_counter()
        source = open_source(clip, parts.decode)
        times_s = [float(t) for t in study.eyes.time_s]
        even = (source.rows // 2 * 2, source.columns // 2 * 2)
        encode_video(
            _pictures(clip, parts, even), times_s, *even, work / "again.mp4", parts.encoder
        )
        pass_through_seconds = time.perf_counter() - began

    decode_s = float(clock.facts["landmarks"]["decode_seconds"])
    draw_s = float(clock.facts["render"]["draw_seconds"])
    return BenchResult(
        frames=study.encoded.n_frames,
        source_size=(source.columns, source.rows),
        masked_size=(study.encoded.columns, study.encoded.rows),
        stage_seconds={
            "decode": clock.seconds["decode"] + decode_s,
            "landmarks": clock.seconds["landmarks"] - decode_s,
            "fit": clock.seconds["fit"],
            "gate": clock.seconds["gate"],
            "measure": clock.seconds["measure"],
            "draw": draw_s,
            "encode": clock.seconds["render"] - draw_s,
            "compose": clock.seconds["compose"],
            "check": clock.seconds["check"],
        },
        path_seconds=path_seconds,
        pass_through_seconds=pass_through_seconds,
        peak_memory_bytes=peak,
        machine=f"{psutil.cpu_count()} cores, {platform.machine()}",
    )


def _enlarged(clip: Path, parts: Parts, times: int, path: Path) -> Path:
    """Write the clip again, its pictures so many times as large."""
    source = open_source(clip, parts.decode)
    frames = list(source.frames)
    rows, columns = source.rows * times // 2 * 2, source.columns * times // 2 * 2
    pictures = (
        np.asarray(cv2.resize(f.rgb, (columns, rows), interpolation=cv2.INTER_CUBIC), np.uint8)
        for f in frames
    )
    times_s = [f.time_s for f in frames]
    return encode_video(pictures, times_s, rows, columns, path, parts.encoder).path


def _pictures(clip: Path, parts: Parts, even: tuple[int, int]) -> Iterator[Picture]:
    for frame in open_source(clip, parts.decode).frames:
        yield np.ascontiguousarray(frame.rgb[: even[0], : even[1]])

"""Camera, node and archive on one machine: a real video goes through all three."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pydicom import dcmread
from pydicom.encaps import generate_fragments

from dmask_node.compose.readable import report_text
from dmask_node.config import Settings, load_settings
from dmask_node.decode.wrap import wrap_video
from dmask_node.deidentify.keys import create_key_file
from dmask_node.demo.archive import Archive
from dmask_node.demo.comparison import write_contact_sheet
from dmask_node.errors import Permanent, Transient
from dmask_node.forward.scu import Outgoing, echo, send
from dmask_node.forward.settings import Destination
from dmask_node.records.jobs import Job, JobState
from dmask_node.spool.ledger import Ledger
from dmask_node.spool.store import LEDGER_FILE

_VIDEO_SOP_CLASS = "1.2.840.10008.5.1.4.1.1.77.1.4.1"
_RESULTS = (
    "contact-sheet.png",
    "masked.dcm",
    "masked.mp4",
    "measurements.csv",
    "report.dcm",
    "report.html",
    "report.txt",
)
_START_S = 60.0
_STALLED_S = 600.0

Progress = Callable[[str, int, int | None], None]
"""``progress(stage, done, total)``."""


class DemonstrationFailed(Permanent):
    """The demonstration did not reach its end."""

    reason = "demonstration_failed"
    hint = "The node's own words are in node.log in the output folder."


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstrated:
    """What happened, and what was left in the output folder."""

    received_bytes: int
    seconds: float
    audit_records: int
    files: tuple[str, ...]


def demonstrate(video: Path, out: Path, progress: Progress) -> Demonstrated:
    """Send a video through a node of its own, and leave what came of it in a folder.

    The node runs on its embedded defaults, but for its state folder, which is deleted at the end,
    and its ports, which are free ones.

    Parameters
    ----------
    video : Path
        Any video with a face, or a DICOM video.
    out : Path
        Output folder; files of an earlier demonstration are replaced.
    progress : callable
        Told how far the node is.

    Returns
    -------
    Demonstrated

    Raises
    ------
    DmaskError
        With a hint: the video is unusable, or the node quarantined it.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name in _RESULTS:  # of an earlier demonstration: they must not be taken for this one's
        (out / name).unlink(missing_ok=True)
    began = time.monotonic()
    with TemporaryDirectory(prefix=".node-", dir=out) as scratch:
        folder = Path(scratch)
        arrived = folder / "archive"
        arrived.mkdir()
        original = folder / "original.dcm"
        progress("wrap", 0, 1)
        _as_instance(video, original)
        progress("wrap", 1, 1)
        archive_port, node_port = _free_ports()
        with (
            Archive(arrived, archive_port),
            _running_node(folder, out / "node.log", node_port, archive_port) as settings,
        ):
            _send(settings, original)
            progress("send", 1, 1)
            job = _await(settings, progress)
            progress("forward", 1, 1)
            records = _count_lines(settings.node.state_dir / "audit" / "journal.jsonl")
            companions = settings.node.state_dir / "masked" / job.key
            _collect(arrived, companions, out)
        write_contact_sheet(
            original, out / "masked.mp4", out / "measurements.csv", out / "contact-sheet.png"
        )
        return Demonstrated(
            received_bytes=original.stat().st_size,
            seconds=time.monotonic() - began,
            audit_records=records,
            files=tuple(sorted(p.name for p in out.iterdir() if p.is_file())),
        )


def _as_instance(video: Path, original: Path) -> None:
    with video.open("rb") as file:
        head = file.read(132)
    if head[128:] == b"DICM":
        shutil.copyfile(video, original)
    else:
        wrap_video(video, original)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


@contextmanager
def _running_node(folder: Path, log: Path, node_port: int, archive_port: int) -> Iterator[Settings]:
    """Run ``dmask serve`` with a key of its own until the block ends."""
    key_file = folder / "master.key"
    create_key_file(key_file)
    destination = Destination(port=archive_port)
    overrides = {
        "DMASK_NODE__STATE_DIR": str(folder / "state"),
        "DMASK_DEIDENTIFY__KEY_FILE": str(key_file),
        "DMASK_RECEIVE__PORT": str(node_port),
        "DMASK_RECEIVE__MIN_FREE_BYTES": "0",
        "DMASK_FORWARD__DESTINATIONS": json.dumps([destination.model_dump()]),
    }
    command = [sys.executable, "-m", "dmask_node", "serve"]
    with log.open("wb") as words:
        node = subprocess.Popen(
            command, env={**os.environ, **overrides}, stdout=words, stderr=words
        )
    os.environ.update(overrides)
    try:
        settings = load_settings()
    finally:
        for name in overrides:
            del os.environ[name]
    try:
        _await_start(node, _node_as_peer(settings))
        yield settings
    finally:
        node.terminate()
        try:
            node.wait(40)
        except subprocess.TimeoutExpired:
            node.kill()


def _node_as_peer(settings: Settings) -> Destination:
    return Destination(
        name="node",
        ae_title=settings.receive.ae_title,
        port=settings.receive.port,
        calling_ae_title="DMASK_SEND",
    )


def _await_start(node: subprocess.Popen[bytes], peer: Destination) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end and node.poll() is None:
        try:
            echo(peer)
        except Transient:
            time.sleep(0.2)
        else:
            return
    raise DemonstrationFailed("the node did not start")


def _send(settings: Settings, original: Path) -> None:
    meta = dcmread(original, stop_before_pixels=True, specific_tags=[]).file_meta
    outgoing = Outgoing(
        role="original",
        path=original,
        sop_class_uid=str(meta.MediaStorageSOPClassUID),
        transfer_syntax_uid=str(meta.TransferSyntaxUID),
    )
    send(_node_as_peer(settings), [outgoing], lambda _object, _status: None)


def _await(settings: Settings, progress: Progress) -> Job:
    """Watch the one job in the ledger until it has ended."""
    ledger = Ledger(settings.node.state_dir / LEDGER_FILE)
    moved, last = time.monotonic(), ("", -1)
    try:
        while time.monotonic() - moved < _STALLED_S:
            (job,) = ledger.jobs()
            if job.state is JobState.FORWARDED:
                return job
            if job.state is JobState.QUARANTINED:
                raise DemonstrationFailed(f"the node quarantined the video: {job.reason}")
            if (job.stage, job.stage_done) != last:
                moved, last = time.monotonic(), (job.stage, job.stage_done)
                if job.stage:
                    progress(job.stage, job.stage_done, job.stage_total)
            time.sleep(0.1)
    finally:
        ledger.close()
    raise DemonstrationFailed(f"no progress for {_STALLED_S:.0f} seconds")


def _collect(arrived: Path, companions: Path, out: Path) -> None:
    """Copy what the archive got, under plain names, with the video and the report laid open."""
    for file in arrived.iterdir():
        dataset = dcmread(file)
        if dataset.SOPClassUID == _VIDEO_SOP_CLASS:
            shutil.copyfile(file, out / "masked.dcm")
            fragments = generate_fragments(dataset.PixelData)
            next(fragments)  # the empty Basic Offset Table
            (out / "masked.mp4").write_bytes(b"".join(fragments))
        else:
            shutil.copyfile(file, out / "report.dcm")
            (out / "report.txt").write_text(report_text(file), encoding="utf-8")
    for name in ("report.html", "measurements.csv"):
        shutil.copyfile(companions / name, out / name)
    missing = {"masked.dcm", "report.dcm"} - {p.name for p in out.iterdir()}
    if missing:
        raise DemonstrationFailed(f"the archive did not get: {', '.join(sorted(missing))}")


def _count_lines(file: Path) -> int:
    with file.open("rb") as lines:
        return sum(1 for _ in lines)

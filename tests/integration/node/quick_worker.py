"""A worker whose masking is quick, or as slow as a test needs it.

It masks nobody: it copies the stream of the test's made-up video under a new UID, so that queue,
ledger, journal and network can be tested in seconds. Everything around it is the real worker.

In the folder ``DMASK_TEST_DIR``: ``pause`` holds seconds to take; a video of 7 declared frames
kills the process, one of 8 can't be masked, one of 9 can't be masked while the file ``busy`` is
there, and what is composed of one of 11 holds the patient's name: the real gate is to see it.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from pydicom import Dataset, dcmread
from pydicom.uid import UID, ExplicitVRLittleEndian

from dmask_node.check.outgoing import check_outgoing
from dmask_node.config import Settings
from dmask_node.deidentify.origin import Origin
from dmask_node.errors import Permanent, Transient
from dmask_node.events import Listener, advancing, stage
from dmask_node.records.gated import GatedStudy, MaskedInstance
from dmask_node.records.masked import MaskedObject, Role
from dmask_node.worker import run_worker
from tests.outgoing import a_masked_study, an_encoded_video, clean

ENHANCED_SR = "1.2.840.10008.5.1.4.1.1.88.22"


class NoFace(Permanent):
    reason = "too_few_faces"
    hint = "Look at the original."


class Busy(Transient):
    reason = "busy"


def mask(
    job: str, source: Path, out: Path, listeners: Sequence[Listener], origin: Origin
) -> MaskedInstance:
    told = Path(os.environ["DMASK_TEST_DIR"])
    dataset = dcmread(source)
    frames = int(dataset.NumberOfFrames)
    if frames == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    if frames == 8:
        raise NoFace
    if frames == 9 and (told / "busy").exists():
        raise Busy
    if frames == 10:
        raise ValueError(f"a message that quotes {dataset.PatientName}")
    if frames == 11:
        compose_carelessly(dataset, out)
    pause = float((told / "pause").read_text()) if (told / "pause").exists() else 0.0
    with stage(listeners, job, "landmarks"):
        for _ in advancing(listeners, job, "landmarks", range(20), 20):
            time.sleep(pause / 20)
    with (told / "masked").open("a") as log:
        log.write(f"{job}\n")
    uid = f"2.25.{int(sha256(job.encode()).hexdigest()[:24], 16)}"
    video, report = Dataset(), Dataset()
    video.SOPClassUID, video.SOPInstanceUID = dataset.SOPClassUID, f"{uid}1"
    video.PixelData = dataset.PixelData
    video["PixelData"].is_undefined_length = True
    report.SOPClassUID, report.SOPInstanceUID = ENHANCED_SR, f"{uid}2"
    syntax = dataset.file_meta.TransferSyntaxUID
    study = GatedStudy(
        audience="default@archive",
        profile="default",
        profile_digest="",
        image=_save(video, Role.VIDEO, out / "video.dcm", syntax),
        report=_save(report, Role.REPORT, out / "report.dcm", ExplicitVRLittleEndian),
    )
    return MaskedInstance(
        studies=(study,),
        eyes=cast("Any", None),  # the node keeps objects, not measurements
        measurements=cast("Any", None),
        encoded=an_encoded_video(out / "masked.mp4"),
    )


def compose_carelessly(source: Dataset, out: Path) -> None:
    header = clean(source)
    study = a_masked_study(out, header)
    video = dcmread(study.image.path)
    video.PatientName = video.StudyDescription = str(source.PatientName)
    video.save_as(study.image.path)
    data = study.image.path.read_bytes()
    image = replace(study.image, sha256=sha256(data).hexdigest(), size_bytes=len(data))
    check_outgoing(replace(study, image=image), source, header)


def _save(dataset: Dataset, role: Role, path: Path, syntax: str) -> MaskedObject:
    dataset.ensure_file_meta()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.save_as(path, enforce_file_format=True)
    return MaskedObject(
        role=role,
        path=path,
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
        transfer_syntax_uid=str(syntax),
        sha256=sha256(path.read_bytes()).hexdigest(),
        size_bytes=path.stat().st_size,
    )


if __name__ == "__main__":
    parent = sys.stdin.buffer
    run_worker(Settings.model_validate_json(parent.readline()), parent, mask)

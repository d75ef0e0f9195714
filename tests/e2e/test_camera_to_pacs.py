"""A camera sends a face; the PACS gets a digital mask and a report."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.camera import a_recording, pictures_of
from tests.e2e.peers import Node, Orthanc

pytestmark = pytest.mark.e2e

DCIODVFY = Path(sys.executable).with_name("dciodvfy")  # of dicom3tools: newer than Debian's
VIDEO_PHOTOGRAPHIC = "1.2.840.10008.5.1.4.1.1.77.1.4.1"
ENHANCED_SR = "1.2.840.10008.5.1.4.1.1.88.22"


def _stored(orthanc: Orthanc) -> dict[str, tuple[str, dict[str, str]]]:
    by_class = {}
    for instance in orthanc.instances():
        tags = orthanc.tags(instance["ID"])
        by_class[tags["SOPClassUID"]] = (instance["ID"], tags)
    return by_class


@pytest.mark.parametrize("tool", ["storescu", "dcmsend"])
def test_a_recording_becomes_a_masked_video_and_a_report_in_the_pacs(
    tool: str,
    orthanc: Orthanc,
    make_node: Callable[..., Node],
    carphone: Path,
    tmp_path: Path,
) -> None:
    node = make_node()
    recording = a_recording(tmp_path / "recording.dcm", carphone, seconds=4)
    decodable = len(pictures_of(recording.with_suffix(".mp4")))

    sent = node.storescu(recording) if tool == "storescu" else node.dcmsend(recording)
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert "0x0000" in sent.stderr + sent.stdout or "Success" in sent.stderr + sent.stdout

    orthanc.wait_for(2)
    node.wait_for_states("forwarded")
    stored = _stored(orthanc)
    assert set(stored) == {VIDEO_PHOTOGRAPHIC, ENHANCED_SR}

    video_id, video = stored[VIDEO_PHOTOGRAPHIC]
    assert int(video["NumberOfFrames"]) == decodable == 120
    shown = pictures_of(orthanc.payload(video_id))
    assert len(shown) == decodable
    assert shown[0].shape[:2] == (int(video["Rows"]), int(video["Columns"]))
    assert all(picture.std() > 10 for picture in shown), "a picture without a face on it"
    assert video["PatientIdentityRemoved"] == "YES"
    assert video["RecognizableVisualFeatures"] == "NO"
    assert video["ImageType"].split("\\")[0] == "DERIVED"

    report_id, report = stored[ENHANCED_SR]
    assert report["StudyInstanceUID"] == video["StudyInstanceUID"]
    assert report["SeriesInstanceUID"] != video["SeriesInstanceUID"]
    assert video["SOPInstanceUID"].encode() in orthanc.file(report_id)

    for instance in (video_id, report_id):
        file = tmp_path / f"{instance}.dcm"
        file.write_bytes(orthanc.file(instance))
        found = subprocess.run([DCIODVFY, file], capture_output=True, text=True, check=False)
        errors = [x for x in (found.stdout + found.stderr).splitlines() if x.startswith("Error")]
        assert errors == []
        assert subprocess.run(["dcmftest", file], capture_output=True, check=False).returncode == 0
    dump = subprocess.run(
        ["dsrdump", tmp_path / f"{report_id}.dcm"], capture_output=True, text=True, check=False
    )
    assert dump.returncode == 0, dump.stderr
    assert re.search(r"palpebral fissure", dump.stdout, re.IGNORECASE)
    assert re.search(r"[Bb]link", dump.stdout)


def test_sending_again_brings_nothing_new_to_the_pacs(
    orthanc: Orthanc, make_node: Callable[..., Node], carphone: Path, tmp_path: Path
) -> None:
    node = make_node()
    recording = a_recording(tmp_path / "recording.dcm", carphone, seconds=1)
    assert node.storescu(recording).returncode == 0
    node.wait_for_states("forwarded")
    before = {i["ID"] for i in orthanc.wait_for(2)}

    assert node.dcmsend(recording).returncode == 0
    assert node.storescu(recording).returncode == 0
    node.wait_for_states("forwarded")
    assert {i["ID"] for i in orthanc.instances()} == before


def test_two_recordings_of_one_study_stay_in_one_study(
    orthanc: Orthanc, make_node: Callable[..., Node], carphone: Path, tmp_path: Path
) -> None:
    from pydicom import dcmread

    node = make_node()
    first = a_recording(tmp_path / "first.dcm", carphone, seconds=1)
    second = a_recording(tmp_path / "second.dcm", carphone, seconds=1.5)
    study = dcmread(first, stop_before_pixels=True).StudyInstanceUID
    dataset = dcmread(second)
    dataset.StudyInstanceUID = study
    dataset.save_as(second)

    assert node.dcmsend(first, second).returncode == 0
    node.wait_for_states("forwarded", "forwarded")
    tags = [orthanc.tags(i["ID"]) for i in orthanc.wait_for(4)]
    assert len({t["StudyInstanceUID"] for t in tags}) == 1
    assert study not in {t["StudyInstanceUID"] for t in tags}
    assert len({t["SOPInstanceUID"] for t in tags}) == 4


def test_a_dead_pacs_delays_and_loses_nothing(
    orthanc: Orthanc, make_node: Callable[..., Node], carphone: Path, tmp_path: Path
) -> None:
    node = make_node("[forward]\nretry_base_s = 0.5\nretry_max_s = 2\n")
    orthanc.stop()
    assert node.storescu(a_recording(tmp_path / "recording.dcm", carphone)).returncode == 0
    node.wait_for_states("masked")
    assert node.echo().returncode == 0

    orthanc.start()
    node.wait_for_states("forwarded")
    assert len(orthanc.instances()) == 2

"""The outgoing objects, looked at with other people's tools."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import pytest
from highdicom.sr import srread
from pydicom import dcmread
from pydicom.encaps import generate_fragments

from dmask_node.check.outgoing import check_outgoing
from dmask_node.deidentify.body_parts import BODY_PARTS
from dmask_node.deidentify.profile import Profile
from dmask_node.records.anatomy import Eye
from dmask_node.records.masked import EncodedVideo, MaskedStudy
from tests.factories import a_header
from tests.outgoing import a_masked_study, an_encoded_video, clean, some_measurements

DCIODVFY = Path(sys.executable).with_name("dciodvfy")
UNEVEN_S = (0.0, 0.04, 0.081, 0.15, 0.1701, 0.25, 0.2999)


def groups_of(path: Path) -> list[Any]:
    """Read the measurement groups of a report with highdicom."""
    content: Any = srread(path).content
    return list(content.get_image_measurement_groups())


def errors_of(path: Path) -> list[str]:
    """Return what dciodvfy calls an error."""
    run = subprocess.run([DCIODVFY, path], capture_output=True, text=True, check=False)
    lines = (run.stdout + run.stderr).splitlines()
    assert any(line.strip() in ("VideoPhotographicImage", "EnhancedSR") for line in lines), lines
    return [line for line in lines if "Error" in line] + [""] * (run.returncode != 0)


def made(
    folder: Path, *, uneven: bool = False, left: bool = True, part: str = "FACE"
) -> MaskedStudy:
    source = a_header(identity=True, BodyPartExamined=part)
    header = clean(source, profile=Profile(retain_patient_characteristics=True))
    encoded = an_encoded_video(folder / "m.mp4", times_s=UNEVEN_S if uneven else None)
    measurements = some_measurements(left_measured=left)
    return a_masked_study(folder, header, encoded=encoded, measurements=measurements)


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("left", [True, False])
def test_dciodvfy_finds_no_error(tmp_path: Path, uneven: bool, left: bool) -> None:
    study = made(tmp_path, uneven=uneven, left=left)
    assert isinstance(study.encoded, EncodedVideo)
    assert study.encoded.constant_rate is not uneven
    for masked in study.objects:
        assert errors_of(masked.path) == []


@pytest.mark.parametrize("part", sorted(BODY_PARTS))
def test_every_listed_body_part_makes_a_valid_object(tmp_path: Path, part: str) -> None:
    assert errors_of(made(tmp_path, part=part).image.path) == []


def test_dcmtk_takes_both_files(tmp_path: Path) -> None:
    for masked in made(tmp_path).objects:
        run = subprocess.run(["dcmftest", masked.path], capture_output=True, text=True, check=True)
        assert run.stdout.startswith("yes:")


@pytest.mark.parametrize("left", [True, False])
def test_dsrdump_renders_the_report(tmp_path: Path, left: bool) -> None:
    path = made(tmp_path, left=left).report.path
    run = subprocess.run(["dsrdump", path], capture_output=True, text=True, check=True)
    assert '"Right palpebral fissure Opening height")="10.2" (mm,' in run.stdout
    missing = '"Measurement concerned")=(79856-1,LN,"Left palpebral fissure Opening height")'
    assert (missing in run.stdout) is not left


def test_the_report_reads_back_with_equal_values(tmp_path: Path) -> None:
    study = made(tmp_path)
    groups = groups_of(study.report.path)
    read = {
        (group.tracking_identifier, m.name.value, m.derivation.value if m.derivation else ""): (
            m.value,
            m.unit.value,
        )
        for group in groups
        for m in group.get_measurements()
    }
    mean, least = "373098007", "255605001"
    for eye, side, loinc in ((Eye.RIGHT, "Right", "79855-3"), (Eye.LEFT, "Left", "79856-1")):
        summary = some_measurements().of(eye)
        lid, ball = f"{side} eyelid", f"{side} eyeball"
        assert read[lid, loinc, mean] == (round(summary.aperture_mean_mm or 0, 4), "mm")
        assert read[lid, loinc, least] == (round(summary.aperture_min_mm or 0, 4), "mm")
        assert read[lid, "DM1302", ""] == (len(summary.blinks or ()), "{blinks}")
        assert read[lid, "DM1301", ""] == (summary.blink_rate_per_min, "/min")
        assert read[lid, "DM1904", ""] == (summary.frames_used, "{frames}")
        assert read[ball, "DM1101", mean] == (summary.rotation_h_mean_deg, "deg")
        assert read[ball, "DM1102", mean] == (summary.rotation_v_mean_deg, "deg")
        for group in (lid, ball):
            assert read[group, "DM1903", mean] == (summary.confidence_mean, "1")
    assert read["Video", "DM1905", ""] == (6, "{frames}")
    assert read["Video", "DM1901", ""] == (83.3333, "%")
    sites = {group.tracking_identifier: group.finding_sites[0] for group in groups}
    assert sites["Right eyelid"].laterality.meaning == "Right"
    assert sites["Left eyeball"].laterality.meaning == "Left"


def test_heights_and_rotations_say_how_they_were_measured(tmp_path: Path) -> None:
    methods = {
        (m.name.value, m.method and (m.method.value, m.method.scheme_designator))
        for group in groups_of(made(tmp_path).report.path)
        for m in group.get_measurements()
    }
    assert {(name, method) for name, method in methods if method} == {
        ("79855-3", ("DM2102", "99DMASK")),
        ("79856-1", ("DM2102", "99DMASK")),
        ("DM1101", ("DM2101", "99DMASK")),
        ("DM1102", ("DM2101", "99DMASK")),
    }
    assert len(methods) > 4


def test_a_report_without_the_left_eye_reads_back_without_its_values(tmp_path: Path) -> None:
    groups = groups_of(made(tmp_path, left=False).report.path)
    lid = next(group for group in groups if group.tracking_identifier == "Left eyelid")
    assert [m.name.value for m in lid.get_measurements()] == ["DM1904", "DM1901"]
    told = [(e.name.value, e.value.value) for e in lid.get_qualitative_evaluations()]
    failed, not_tried = ("DM1990", "114006"), ("DM1990", "114007")
    assert told == [failed, failed, not_tried, not_tried, failed]


def test_every_group_of_the_report_refers_to_the_video(tmp_path: Path) -> None:
    study = made(tmp_path)
    report = srread(study.report.path)
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    assert (
        evidence.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == study.image.sop_instance_uid
    )
    for group in groups_of(study.report.path):
        assert [str(image.referenced_sop_instance_uid) for image in group.source_images] == [
            study.image.sop_instance_uid
        ]


def test_the_payload_is_the_encoded_file_and_decodes_to_every_frame(tmp_path: Path) -> None:
    study = made(tmp_path)
    dataset = dcmread(study.image.path)
    offset_table, payload = generate_fragments(dataset.PixelData)
    encoded = study.encoded.path.read_bytes()
    assert (offset_table, payload[: len(encoded)]) == (b"", encoded)
    assert len(payload) - len(encoded) == len(encoded) % 2
    with av.open(BytesIO(payload), "r") as container:
        n_frames = sum(1 for _ in container.decode(video=0))
    assert (n_frames, dataset.NumberOfFrames) == (6, 6)


def test_a_large_video_is_composed_without_holding_it(tmp_path: Path) -> None:
    # A child of its own, so that the peak is that of composing and nothing else.
    script = """
import dataclasses, resource, sys
from pathlib import Path
from dmask_node.compose.video_sop import compose_video
from tests.factories import a_header
from tests.outgoing import an_encoded_video, clean
folder = Path(sys.argv[1])
encoded = an_encoded_video(folder / "m.mp4")
header = clean(a_header())
compose_video(encoded, header, folder / "small.dcm")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with encoded.path.open("ab") as file:
    for _ in range(150):
        file.write(bytes(1 << 20))
compose_video(encoded, header, folder / "large.dcm")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    run = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True
    )
    assert (tmp_path / "large.dcm").stat().st_size > 150 << 20
    assert int(run.stdout) < 30 << 10  # kilobytes


def test_an_honest_uneven_video_passes_the_gate(tmp_path: Path) -> None:
    source = a_header(identity=True)
    header = clean(source)
    encoded = an_encoded_video(tmp_path / "m.mp4", times_s=UNEVEN_S)
    study = a_masked_study(tmp_path, header, encoded=encoded)
    check_outgoing(study, source, header)
    dataset = dcmread(study.image.path)
    assert dataset.FrameIncrementPointer == 0x00181065
    steps = [float(step) for step in dataset.FrameTimeVector]
    assert steps[0] == 0
    assert sum(steps) / 1000 == pytest.approx(UNEVEN_S[-1], abs=1e-6)

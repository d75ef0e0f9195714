"""The masked photograph and its report, looked at with other people's tools and by the gate."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from highdicom.sr import srread

from dmask_node.check.outgoing import WouldLeak, check_outgoing
from dmask_node.compose.composer import write_object
from dmask_node.compose.photograph import compose_photograph
from dmask_node.deidentify.body_parts import BODY_PARTS
from dmask_node.records.masked import Role
from tests.factories import a_header
from tests.outgoing import a_masked_study, clean
from tests.photographs import a_masked_photograph, an_encoded_picture

DCIODVFY = Path(sys.executable).with_name("dciodvfy")


def errors_of(path: Path) -> list[str]:
    """Return what dciodvfy calls an error."""
    run = subprocess.run([DCIODVFY, path], capture_output=True, text=True, check=False)
    lines = (run.stdout + run.stderr).splitlines()
    assert any(line.strip() in ("VLPhotographicImage", "EnhancedSR") for line in lines), lines
    return [line for line in lines if "Error" in line] + [""] * (run.returncode != 0)


@pytest.mark.parametrize("lossy", [True, False])
@pytest.mark.parametrize("left", [True, False])
def test_dciodvfy_finds_no_error(tmp_path: Path, lossy: bool, left: bool) -> None:
    header = replace(clean(a_header(identity=True)), source_was_lossy=lossy)
    for masked in a_masked_photograph(tmp_path, header, left_measured=left).objects:
        assert errors_of(masked.path) == []


@pytest.mark.parametrize("part", sorted(BODY_PARTS))
def test_every_listed_body_part_makes_a_valid_object(tmp_path: Path, part: str) -> None:
    picture, header = an_encoded_picture(tmp_path / "p.png"), clean(a_header(BodyPartExamined=part))
    assert errors_of(compose_photograph(picture, header, tmp_path / "p.dcm").path) == []


def test_dcmtk_and_highdicom_take_them(tmp_path: Path) -> None:
    study = a_masked_photograph(tmp_path, clean(a_header()), left_measured=False)
    for masked in study.objects:
        run = subprocess.run(["dcmftest", masked.path], capture_output=True, text=True, check=True)
        assert run.stdout.startswith("yes:")
    # dcmtk decodes the pixels: a wrong length or photometric interpretation would show here
    subprocess.run(["dcm2pnm", study.image.path, tmp_path / "seen.ppm"], check=True)
    ppm = (tmp_path / "seen.ppm").read_bytes()
    assert ppm.endswith(study.image.path.read_bytes()[-48 * 64 * 3 :])
    run = subprocess.run(["dsrdump", study.report.path], capture_output=True, text=True, check=True)
    assert "Photograph analysis of eyelids and line of sight" in run.stdout
    assert "Number of frames" not in run.stdout
    content: Any = srread(study.report.path).content
    assert len(content.get_image_measurement_groups()) == 5


def test_the_gate_lets_an_honest_photograph_pass(tmp_path: Path) -> None:
    source = a_header(identity=True)
    header = clean(source)
    gated = check_outgoing(a_masked_photograph(tmp_path, header), source, header)
    assert gated.image.role is Role.PHOTOGRAPH


def test_the_gate_refuses_a_photograph_that_is_not_the_one_drawn(tmp_path: Path) -> None:
    source = a_header()
    header = clean(source)
    study = a_masked_photograph(tmp_path, header)
    from pydicom import dcmread

    for change in (b"\1", b"\0\0", b"Kowalski"):
        dataset = dcmread(study.image.path)
        dataset.PixelData = dataset.PixelData[:-2] + change.ljust(2, b"\0")
        image = write_object(
            dataset,
            Role.PHOTOGRAPH,
            study.image.sop_class_uid,
            study.image.transfer_syntax_uid,
            study.image.path.with_name("changed.dcm"),
        )
        with pytest.raises(WouldLeak, match="PixelData"):
            check_outgoing(replace(study, image=image), source, header)


def test_the_gate_refuses_a_video_in_a_photograph_s_place(tmp_path: Path) -> None:
    source = a_header()
    header = clean(source)
    for kind in ("video", "photograph"):
        (tmp_path / kind).mkdir()
    video = a_masked_study(tmp_path / "video", header)
    photograph = a_masked_photograph(tmp_path / "photograph", header)
    check_outgoing(video, source, header)
    for mixed in (
        replace(photograph, image=video.image),
        replace(video, image=photograph.image),
        replace(video, report=photograph.report),
        replace(photograph, report=video.report),
        replace(photograph, encoded=video.encoded),
    ):
        with pytest.raises(WouldLeak):
            check_outgoing(mixed, source, header)

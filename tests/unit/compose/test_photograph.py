"""The masked photograph: the picture that was drawn, sample by sample, and nothing about time."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from dmask_node.compose.composer import allowed
from dmask_node.compose.photograph import compose_photograph
from dmask_node.compose.picture import PictureNotWritten, read_picture, write_picture
from dmask_node.compose.readable import write_html
from tests.factories import a_header
from tests.outgoing import an_eye_track, clean
from tests.photographs import (
    a_masked_photograph,
    an_encoded_picture,
    measurements_of_a_photograph,
)

OF_TIME = {
    *("FrameTime", "FrameTimeVector", "CineRate", "RecommendedDisplayFrameRate", "NumberOfFrames"),
    *("EffectiveDuration", "StartTrim", "StopTrim", "FrameIncrementPointer"),
    *("SynchronizationFrameOfReferenceUID", "SynchronizationTrigger"),
}


def test_the_object_holds_the_samples_that_were_drawn(tmp_path: Path) -> None:
    picture = an_encoded_picture(tmp_path / "masked.png")
    masked = compose_photograph(picture, clean(a_header()), tmp_path / "p.dcm")
    dataset = dcmread(masked.path)
    assert (dataset.Rows, dataset.Columns, dataset.PhotometricInterpretation) == (48, 64, "RGB")
    assert dataset.PixelData == read_picture(picture)
    assert masked.path.read_bytes().endswith(dataset.PixelData)
    assert dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"


def test_an_odd_number_of_samples_gets_one_zero(tmp_path: Path) -> None:
    picture = an_encoded_picture(tmp_path / "masked.png", rows=47, columns=63)
    masked = compose_photograph(picture, clean(a_header()), tmp_path / "p.dcm")
    assert dcmread(masked.path).PixelData == read_picture(picture) + b"\0"


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    header = clean(a_header(identity=True))
    one, other = (tmp_path / name for name in ("one", "other"))
    for folder in (one, other):
        folder.mkdir()
        a_masked_photograph(folder, header)
    for name in ("photograph.dcm", "report.dcm", "masked.png"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    assert sorted(p.name for p in one.iterdir()) == ["masked.png", "photograph.dcm", "report.dcm"]


def test_nothing_in_it_or_on_its_list_tells_of_time(tmp_path: Path) -> None:
    dataset = dcmread(a_masked_photograph(tmp_path, clean(a_header())).image.path)
    there = {element.keyword for element in dataset}
    assert not OF_TIME & (there | set(allowed("vl_photographic")["attributes"]))
    assert there <= set(allowed("vl_photographic")["attributes"])


@pytest.mark.parametrize(("lossy", "said"), [(True, "01"), (False, "00")])
def test_a_loss_of_the_source_is_never_taken_back(tmp_path: Path, lossy: bool, said: str) -> None:
    header = replace(clean(a_header()), source_was_lossy=lossy)
    dataset = dcmread(a_masked_photograph(tmp_path, header).image.path)
    assert dataset.LossyImageCompression == said
    assert ("compressed with loss" in dataset.DerivationDescription) is lossy


def test_a_picture_that_changed_on_disk_is_not_composed(tmp_path: Path) -> None:
    picture = an_encoded_picture(tmp_path / "masked.png")
    an_encoded_picture(tmp_path / "other.png", rows=46).path.replace(picture.path)
    with pytest.raises(PictureNotWritten, match="otherwise"):
        compose_photograph(picture, clean(a_header()), tmp_path / "p.dcm")
    picture.path.write_bytes(b"no picture")
    with pytest.raises(PictureNotWritten, match="otherwise"):
        compose_photograph(picture, clean(a_header()), tmp_path / "p.dcm")


def test_only_one_picture_of_the_right_size_is_written(tmp_path: Path) -> None:
    picture = np.zeros((4, 6, 3), np.uint8)
    wrong: list[list[Any]] = [
        *([], [picture, picture]),
        *([picture[:3]], [picture.astype(np.uint16)]),
    ]
    for frames in wrong:
        with pytest.raises(ValueError, match=r"picture|unpack"):
            write_picture(frames, 4, 6, tmp_path / "p.png")
    with pytest.raises(PictureNotWritten, match="system error"):
        write_picture([picture], 4, 6, tmp_path / "nowhere" / "p.png")
    assert list(tmp_path.iterdir()) == []


def content_of(path: Path) -> list[Any]:
    return [
        item
        for group in dcmread(path).ContentSequence[-1].ContentSequence
        for item in group.ContentSequence
    ]


def test_the_report_gives_single_values_and_counts_neither_frames_nor_seconds(
    tmp_path: Path,
) -> None:
    study = a_masked_photograph(tmp_path, clean(a_header()), left_measured=False)
    report = dcmread(study.report.path)
    numbers = [i for i in content_of(study.report.path) if i.ValueType == "NUM"]
    named = {i.ConceptNameCodeSequence[0].CodeValue for i in numbers}
    assert named == {"79855-3", "DM1101", "DM1102", "DM1903", "DM1908"}
    modifiers = {
        child.ConceptNameCodeSequence[0].CodeValue
        for item in numbers
        for child in item.get("ContentSequence", ())
    }
    assert modifiers == {"370129005"}, "how it was measured; no mean, no median"
    referred = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    assert referred.ReferencedSOPSequence[0].ReferencedSOPClassUID == study.image.sop_class_uid
    assert "of sight" in report.SeriesDescription


def test_blinks_in_a_photograph_were_not_attempted(tmp_path: Path) -> None:
    study = a_masked_photograph(tmp_path, clean(a_header()))
    status = {
        child.ConceptCodeSequence[0].CodeValue: item.ConceptCodeSequence[0].CodeValue
        for item in content_of(study.report.path)
        if item.ConceptNameCodeSequence[0].CodeValue == "DM1990"
        for child in item.ContentSequence
    }
    assert status == {"DM1301": "114007", "DM1302": "114007"}


def test_the_page_of_a_photograph_shows_the_mask_and_no_course_over_time(tmp_path: Path) -> None:
    picture = an_encoded_picture(tmp_path / "masked.png")
    values = measurements_of_a_photograph()
    page = tmp_path / "report.html"
    write_html(values, an_eye_track(), page, {"Software": "x"}, picture.path.read_bytes())
    text = page.read_text("utf-8")
    assert "data:image/png;base64,iVBORw0KGgo" in text
    for gone in ("<svg", "Course over time", "Blinks<", "frames", "video", "mean"):
        assert gone not in text, gone
    assert text.count("10.2") == 1

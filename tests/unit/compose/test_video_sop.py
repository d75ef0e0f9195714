"""The masked video object holds what its list says, the same for the same input."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from dmask_node.compose.composer import NotListed, take_listed
from dmask_node.compose.video_sop import compose_video
from dmask_node.records.masked import EncodedVideo
from tests.factories import a_header
from tests.outgoing import clean


def an_encoded(tmp_path: Path, **changes: object) -> EncodedVideo:
    """Stand in for the encoder: composing does not look into the payload."""
    path = tmp_path / "payload"
    path.write_bytes(bytes(range(256)) * 4 + b"odd")
    facts: dict[str, object] = {
        "path": path,
        "rows": 48,
        "columns": 64,
        "times_s": (0.0, 0.04, 0.08),
        "frame_time_ms": 40.0,
        "constant_rate": True,
        "transfer_syntax_uid": "1.2.840.10008.1.2.4.102",
    }
    return EncodedVideo(**{**facts, **changes})  # type: ignore[arg-type]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    header, encoded = clean(a_header(identity=True)), an_encoded(tmp_path)
    one = compose_video(encoded, header, tmp_path / "one.dcm")
    other = compose_video(encoded, header, tmp_path / "other.dcm")
    assert one.path.read_bytes() == other.path.read_bytes()
    assert one.sha256 == other.sha256
    assert one.size_bytes == one.path.stat().st_size


def test_no_trace_of_an_attempt_is_left(tmp_path: Path) -> None:
    header, encoded = clean(a_header()), an_encoded(tmp_path)
    path = tmp_path / "video.dcm"
    path.write_bytes(b"from an earlier attempt")
    compose_video(encoded, header, path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["payload", "video.dcm"]
    encoded.path.unlink()
    with pytest.raises(OSError, match="payload"):
        compose_video(encoded, header, tmp_path / "none.dcm")
    assert [p.name for p in tmp_path.iterdir()] == ["video.dcm"]


def test_the_object_says_what_was_done_to_it(tmp_path: Path) -> None:
    header = clean(a_header(StudyDescription="Ptosis"))
    dataset = dcmread(compose_video(an_encoded(tmp_path), header, tmp_path / "v.dcm").path)
    assert dataset.ImageType == ["DERIVED", "PRIMARY"]
    assert dataset.PatientIdentityRemoved == "YES"
    assert dataset.RecognizableVisualFeatures == "NO"
    assert dataset.BurnedInAnnotation == "NO"
    assert dataset.SyntheticData == "YES"
    assert dataset.LongitudinalTemporalInformationModified == "REMOVED"
    codes = [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113101", "113102", "113105"]
    assert (dataset.StudyDate, dataset.StudyTime, dataset.PatientBirthDate) == ("", "", "")
    assert dataset.PatientID == header.pseudonym
    assert dataset.PatientName.family_name == header.pseudonym
    assert "AcquisitionDateTime" not in dataset
    assert dataset.NumberOfFrames == 3
    assert dataset.FrameTime == 40
    assert dataset.EffectiveDuration == pytest.approx(0.12)
    assert dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.102"


def test_a_lossy_source_is_told(tmp_path: Path) -> None:
    texts = []
    for lossy in ("00", "01"):
        header = clean(a_header(LossyImageCompression=lossy))
        masked = compose_video(an_encoded(tmp_path), header, tmp_path / "v.dcm")
        texts.append(dcmread(masked.path).DerivationDescription)
    assert "compressed with loss" not in texts[0]
    assert texts[1] == texts[0] + "; the source had been compressed with loss"


def test_a_variable_rate_is_told_frame_by_frame(tmp_path: Path) -> None:
    times = (0.0, 0.0333, 0.1, 0.14)
    encoded = an_encoded(tmp_path, times_s=times, constant_rate=False, frame_time_ms=46.6667)
    dataset = dcmread(compose_video(encoded, clean(a_header()), tmp_path / "v.dcm").path)
    assert "FrameTime" not in dataset
    assert [float(step) for step in dataset.FrameTimeVector] == [0.0, 33.3, 66.7, 40.0]


@pytest.mark.parametrize(
    ("n_frames", "pointer", "error_ms"),
    [(2_000, 0x00181065, 0.001), (12_000, 0x00181065, 0.1), (30_000, 0x00181063, None)],
)
def test_a_long_variable_rate_video_fits_its_attribute(
    tmp_path: Path, n_frames: int, pointer: int, error_ms: float | None
) -> None:
    times = tuple(index * 0.0333 + (index % 7) * 1e-4 for index in range(n_frames))
    encoded = an_encoded(tmp_path, times_s=times, constant_rate=False, frame_time_ms=33.3)
    dataset = dcmread(compose_video(encoded, clean(a_header()), tmp_path / "v.dcm").path)
    assert dataset.FrameIncrementPointer == pointer
    if error_ms is None:
        assert dataset.FrameTime == 33.3
        assert "FrameTimeVector" not in dataset
    else:
        shown = np.cumsum([float(step) for step in dataset.FrameTimeVector])
        assert len(shown) == n_frames
        assert np.abs(shown - 1000 * np.array(times)).max() <= error_ms


def test_what_the_list_lacks_is_left_behind() -> None:
    draft = Dataset()
    draft.Modality, draft.InstitutionName = "XC", "St. Elsewhere"
    item = Dataset()
    item.Manufacturer, item.InstitutionAddress = "dmask", "Main street"
    draft.ContributingEquipmentSequence = [item]
    taken = take_listed(draft, "video_photographic")
    assert sorted(element.keyword for element in taken) == [
        "ContributingEquipmentSequence",
        "Modality",
    ]
    assert [e.keyword for e in taken.ContributingEquipmentSequence[0]] == ["Manufacturer"]


def test_a_private_attribute_in_a_draft_is_a_defect() -> None:
    draft = Dataset()
    draft.private_block(0x0009, "SOMEONE", create=True).add_new(1, "LO", "x")
    with pytest.raises(NotListed):
        take_listed(draft, "video_photographic")

"""What people and scripts read beside the objects."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from dmask_node.compose.readable import report_text, write_csv, write_html
from dmask_node.measure.settings import MeasureSettings
from dmask_node.measure.summary import summarise
from dmask_node.records.masked import EyeSummary, Measurements
from tests.factories import a_header
from tests.outgoing import a_masked_study, an_eye_track, clean, some_measurements


def test_the_table_has_the_promised_columns_and_a_row_per_frame_and_eye(tmp_path: Path) -> None:
    path = tmp_path / "measurements.csv"
    write_csv(an_eye_track(), path)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == (
        "frame,time_s,eye,aperture_mm,rotation_h_deg,rotation_v_deg,closed,confidence"
    )
    assert lines[1] == "0,0.000000,R,9.000,-3.000,1.250,0,0.900"
    assert lines[2] == "0,0.000000,L,7.000,4.000,0.000,0,0.900"
    rows = list(csv.DictReader(lines))
    assert [(row["frame"], row["eye"]) for row in rows] == [
        (str(frame), eye) for frame in range(6) for eye in "RL"
    ]


def test_what_was_not_measurable_is_empty(tmp_path: Path) -> None:
    write_csv(an_eye_track(), tmp_path / "m.csv")
    lines = (tmp_path / "m.csv").read_text(encoding="utf-8").splitlines()
    assert lines[5] == "2,0.080000,R,,,,,"
    assert lines[8] == "3,0.120000,L,0.000,,,1,0.900"


def test_a_written_table_replaces_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("old")
    write_csv(an_eye_track(), path)
    assert [p.name for p in tmp_path.iterdir()] == ["m.csv"]
    assert "old" not in path.read_text(encoding="utf-8")


def page(tmp_path: Path, *, left: bool = True, **facts: str) -> str:
    path = tmp_path / "report.html"
    write_html(some_measurements(left_measured=left), an_eye_track(), path, facts)
    return path.read_text(encoding="utf-8")


def test_the_page_shows_both_eyes_with_units(tmp_path: Path) -> None:
    text = re.sub(r"\s+", " ", page(tmp_path))
    row = 'least</th><td class="unit soft">mm</td> <td class="right">0.1</td><td class="left">1.1'
    assert row in text
    assert "−3.2" in text
    assert "+1.5" in text
    assert "5 (83 %)" in text
    assert text.count("<svg") == 2


def test_an_eye_that_was_not_seen_says_so(tmp_path: Path) -> None:
    assert page(tmp_path).count("not measurable") == 0
    assert page(tmp_path, left=False).count("not measurable") == 8


def words_of(text: str) -> str:
    """Return what a reader sees of a page, in one line."""
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]*>", " ", text, flags=re.DOTALL).split())


def page_of(tmp_path: Path, measurements: Measurements) -> str:
    path = tmp_path / "report.html"
    write_html(measurements, an_eye_track(), path, {})
    return words_of(path.read_text(encoding="utf-8"))


def rated(right: float | None, left: float | None, iris_px: float | None = 11.5) -> Measurements:
    measured = some_measurements()
    return replace(
        measured,
        right=replace(measured.right, confidence_mean=right),
        left=replace(measured.left, confidence_mean=left),
        iris_diameter_px=iris_px,
    )


def test_the_page_says_how_sure_it_is_of_each_eye(tmp_path: Path) -> None:
    assert "Tracking confidence, mean 0 to 1 0.88 0.62" in page_of(tmp_path, rated(0.876, 0.62))


@pytest.mark.parametrize("left", [0.3, 0.296, 1.0, None])
def test_a_page_that_is_sure_enough_does_not_warn(tmp_path: Path, left: float | None) -> None:
    assert "Low confidence" not in page_of(tmp_path, rated(0.3, left, iris_px=7.96))


def test_a_small_iris_is_told_above_the_table_in_words(tmp_path: Path) -> None:
    text = page_of(tmp_path, rated(0.9, 0.9, iris_px=6.5))
    warning = (
        "Summary Low confidence: the iris is 6.5 pixels wide, so one pixel is 1.8 mm. "
        "Take the values below as rough. Measurement"
    )
    assert warning in text
    assert "is rated" not in text


def test_an_eye_of_low_confidence_is_named(tmp_path: Path) -> None:
    text = page_of(tmp_path, rated(0.9, 0.29))
    rating = "the tracking is rated {} on a scale from 0 to 1. Take"
    assert f"Low confidence: {rating.format('0.29 (left eye)')}" in text
    both = page_of(tmp_path, rated(0.0, 0.2, iris_px=5.0))
    told = rating.format("0.00 (right eye) and 0.20 (left eye)")
    assert f"5.0 pixels wide, so one pixel is 2.3 mm; {told}" in both


NEGATIVE_ZEROS = [-0.0, -0.00004, -0.004]


@pytest.mark.parametrize("value", NEGATIVE_ZEROS)
def test_nothing_is_written_as_a_negative_zero(tmp_path: Path, value: float) -> None:
    def near_zero(summary: EyeSummary) -> EyeSummary:
        return replace(
            summary,
            aperture_mean_mm=value,
            aperture_min_mm=value,
            rotation_h_mean_deg=value,
            rotation_v_mean_deg=value,
            blink_rate_per_min=value,
            confidence_mean=value,
        )

    measured = some_measurements()
    small = replace(measured, right=near_zero(measured.right), left=near_zero(measured.left))
    track = an_eye_track()
    flat = np.where(np.isfinite(track.aperture_mm), value / 10, np.nan)
    eyes = replace(track, aperture_mm=flat, rotation_h_deg=flat, rotation_v_deg=flat)
    write_csv(eyes, tmp_path / "m.csv")
    write_html(small, eyes, tmp_path / "m.html", {})
    report = a_masked_study(tmp_path, clean(a_header()), measurements=small).report.path
    table = (tmp_path / "m.csv").read_text(encoding="utf-8")
    assert not re.search(r"[-−]0\.?0*(?![.\d])", table)
    shown = words_of((tmp_path / "m.html").read_text(encoding="utf-8"))
    assert not re.search(r"[-−]0\.?0*(?![.\d])", shown)
    assert not re.search(r": -0(?![.\d])", report_text(report))
    if abs(value) < 0.00005:
        numbers = numeric_values(dcmread(report))
        assert numbers.count("0") >= 12
        assert not [number for number in numbers if number.startswith("-")]


def numeric_values(item: Dataset) -> list[str]:
    own = [str(measured.NumericValue) for measured in item.get("MeasuredValueSequence", ())]
    return own + [n for child in item.get("ContentSequence", ()) for n in numeric_values(child)]


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert "<script" not in text
    assert not re.search(r"(?:src|href)\s*=\s*['\"](?!#)", text)
    assert not re.search(r"url\((?!#)", text)
    assert "@import" not in text


def test_a_fact_can_not_become_markup(tmp_path: Path) -> None:
    assert "<b>x</b>" not in page(tmp_path, Software="<b>x</b>")


def test_a_page_of_nothing_measured_can_be_read(tmp_path: Path) -> None:
    empty = np.full((6, 2), np.nan)
    eyes = replace(
        an_eye_track(),
        aperture_mm=empty,
        rotation_h_deg=empty,
        rotation_v_deg=empty,
        closed=np.zeros((6, 2), np.bool_),
        confidence=np.zeros((6, 2)),
        found=np.zeros(6, np.bool_),
        iris_diameter_px=float("nan"),
    )
    path = tmp_path / "report.html"
    write_html(summarise(eyes, MeasureSettings()), eyes, path, {})
    text = path.read_text(encoding="utf-8")
    assert "there is no scale" in text
    assert "nan" not in re.sub(r"<[^>]*>", "", text).lower().split()


def test_the_text_tells_what_the_report_holds(tmp_path: Path) -> None:
    header = clean(a_header(identity=True))
    measurements = some_measurements(left_measured=False)
    text = report_text(a_masked_study(tmp_path, header, measurements=measurements).report.path)
    assert "Right palpebral fissure Opening height, mean: 10.2 mm" in text
    assert "Left palpebral fissure Opening height, mean: no value (measurement failure)" in text
    assert "Blink rate: no value (measurement not attempted)" in text
    assert "Number of blinks: 1\n" in text
    assert "Right palpebral fissure Opening height, minimum: 0.12 mm" in text
    assert "mean: 10.2 mm (by iris diameter of 11.7 mm)\n" in text
    assert "rotation, mean: -3.25 deg (model-based from one camera, not calibrated)\n" in text
    assert text.count("Tracking confidence, mean: 0.88\n") == 2
    assert text.count("Tracking confidence, mean: no value (measurement failure)") == 2
    assert text.count("Algorithm Version") == 1
    assert header.pseudonym in text
    assert "PLANTED" not in text

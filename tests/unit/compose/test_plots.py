"""The plots of the readable report."""

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from dmask_node.compose.plots import aperture_plot, rotation_plot
from dmask_node.records.anatomy import Eye
from dmask_node.records.masked import EyeTrack

SVG = "{http://www.w3.org/2000/svg}"
COLOURS = {Eye.RIGHT: "#d55e00", Eye.LEFT: "#0072b2"}


def an_eye_track(n: int = 300, rate_hz: float = 30.0) -> EyeTrack:
    time_s = np.arange(n) / rate_hz
    aperture_mm = np.tile([9.0, 7.5], (n, 1))
    rotation_deg = np.tile([2.0, -3.0], (n, 1))
    return EyeTrack(
        time_s=time_s,
        aperture_mm=aperture_mm,
        rotation_h_deg=rotation_deg,
        rotation_v_deg=-rotation_deg,
        closed=np.zeros((n, 2), bool),
        confidence=np.ones((n, 2)),
        found=np.ones(n, bool),
        iris_diameter_px=20.0,
    )


def changed(eyes: EyeTrack, **arrays: np.ndarray) -> EyeTrack:
    fields = {name: getattr(eyes, name) for name in EyeTrack.__slots__}
    return EyeTrack(**{**fields, **arrays})


def curves(svg: str, eye: Eye) -> list[np.ndarray]:
    root = ET.fromstring(svg)
    return [
        np.array([[float(v) for v in pair.split(",")] for pair in line.attrib["points"].split()])
        for line in root.iter(f"{SVG}polyline")
        if line.attrib["stroke"] == COLOURS[eye]
    ]


def words(svg: str) -> str:
    return " | ".join(t.text or "" for t in ET.fromstring(svg).iter(f"{SVG}text"))


@pytest.mark.parametrize("plot", [aperture_plot, rotation_plot])
def test_a_plot_is_one_svg_element_that_loads_and_runs_nothing(plot: object) -> None:
    assert callable(plot)
    svg = plot(an_eye_track())
    assert ET.fromstring(svg).tag == f"{SVG}svg"
    assert "<script" not in svg
    assert re.findall(r"https?://[^'\"]+", svg) == ["http://www.w3.org/2000/svg"]
    assert "href" not in svg


def test_axes_name_their_units_and_the_legend_its_eyes() -> None:
    aperture, rotation = words(aperture_plot(an_eye_track())), words(rotation_plot(an_eye_track()))
    for svg in (aperture, rotation):
        assert "time, s" in svg
        assert "right eye (R)" in svg
        assert "left eye (L)" in svg
    assert "aperture, mm" in aperture
    assert "+ to the patient's left" in rotation
    assert "+ up" in rotation


def test_a_higher_aperture_is_drawn_higher_and_time_runs_to_the_right() -> None:
    svg = aperture_plot(an_eye_track())
    (right,), (left,) = curves(svg, Eye.RIGHT), curves(svg, Eye.LEFT)
    assert (right[:, 1] < left[:, 1].min()).all()
    assert (np.diff(right[:, 0]) >= 0).all()
    ticks = [float(t) for t in re.findall(r"text-anchor='middle'[^>]*>(\d+)</text>", svg)]
    assert ticks == sorted(ticks)


def test_a_gap_interrupts_the_curve() -> None:
    eyes = an_eye_track()
    aperture_mm = eyes.aperture_mm.copy()
    aperture_mm[100:150, Eye.RIGHT] = np.nan
    svg = aperture_plot(changed(eyes, aperture_mm=aperture_mm))
    assert len(curves(svg, Eye.RIGHT)) == 2
    assert len(curves(svg, Eye.LEFT)) == 1


def test_frames_without_a_face_are_hatched_and_named() -> None:
    eyes = an_eye_track()
    found = eyes.found.copy()
    found[100:200] = False
    for plot in (aperture_plot, rotation_plot):
        with_gap = plot(changed(eyes, found=found))
        assert "url(#dmask-no-face" in with_gap
        assert "no face" in words(with_gap)
        assert "url(#dmask-no-face" not in plot(eyes)


def test_both_plots_can_stand_in_one_page() -> None:
    eyes = changed(an_eye_track(), found=np.arange(300) > 10)
    ids = re.findall(r"id='([^']+)'", aperture_plot(eyes) + rotation_plot(eyes))
    assert len(ids) == len(set(ids)) == 3


def test_each_closure_fills_the_strip_of_its_eye() -> None:
    eyes = an_eye_track()
    closed = eyes.closed.copy()
    closed[30:36, Eye.LEFT] = True
    closed[90:96, Eye.LEFT] = True
    root = ET.fromstring(aperture_plot(changed(eyes, closed=closed)))
    filled = [
        r
        for r in root.iter(f"{SVG}rect")
        if r.attrib.get("fill") in COLOURS.values() and "fill-opacity" not in r.attrib
    ]
    assert [r.attrib["fill"] for r in filled] == [COLOURS[Eye.LEFT]] * 2
    # Six frames of 1/30 s in ten seconds.
    for rect in filled:
        assert float(rect.attrib["width"]) == pytest.approx(880 * 0.2 / 10, abs=0.2)


def test_a_blink_of_three_frames_in_an_hour_is_not_lost() -> None:
    eyes = an_eye_track(n=108_000)
    aperture_mm = eyes.aperture_mm.copy()
    aperture_mm[54_000:54_003] = 0.0
    svg = aperture_plot(changed(eyes, aperture_mm=aperture_mm))
    assert len(svg) < 200_000
    for eye in Eye:
        (curve,) = curves(svg, eye)
        lowest = curve[curve[:, 1].argmax()]
        assert lowest[1] == pytest.approx(54 + 200, abs=0.2)
        assert lowest[0] == pytest.approx(64 + 880 / 2, abs=1)


@pytest.mark.parametrize("n", [0, 1, 2])
@pytest.mark.parametrize("seen", [True, False])
def test_the_shortest_clips_have_plots_too(n: int, seen: bool) -> None:
    eyes = an_eye_track(n)
    if not seen:
        nothing = np.full((n, 2), np.nan)
        eyes = changed(
            eyes,
            aperture_mm=nothing,
            rotation_h_deg=nothing,
            rotation_v_deg=nothing,
            found=np.zeros(n, bool),
        )
    for plot in (aperture_plot, rotation_plot):
        svg = plot(eyes)
        ET.fromstring(svg)
        assert "nan" not in svg
        assert "inf" not in svg

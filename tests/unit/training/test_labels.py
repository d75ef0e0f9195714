import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dmask_node.records.anatomy import Eye
from dmask_node.training.labels.__main__ import main
from dmask_node.training.labels.agreement import COLUMNS, agreement, pair_readings
from dmask_node.training.labels.crop import CropFrame
from dmask_node.training.labels.draw import draw_grid, draw_reading
from dmask_node.training.labels.errors import CropUnknown, ReadingRefused
from dmask_node.training.labels.find import second_crop
from dmask_node.training.labels.scheme import Shape, parse_reading
from dmask_node.training.labels.split import split_of
from dmask_node.training.labels.store import (
    Crop,
    EyeLabel,
    Picture,
    crops_named,
    read_labels,
    write_label,
    write_manifest,
)

OPEN_EYE: dict[str, Any] = {
    "corner_outer": "110,320",
    "corner_inner": "670,330",
    "upper_margin": "150,280 200,250 300,210 400,200 500,215 550,245 600,280",
    "lower_margin": "150,330 200,345 300,378 400,382 500,365 550,355 600,345",
    "fold": "200,200 400,150 600,230",
    "lower_boundary": "200,420 400,450 600,420",
    "iris": {"centre": "365,278", "semi_axes": "112,108", "angle_deg": 10},
    "pupil": {"centre": "365,265", "radius": 45},
    "openness": "open",
    "fold_visibility": "clear",
    "iris_hidden": 0.2,
    "skin": "light",
    "quality": "good",
}
CLOSED_EYE: dict[str, Any] = {
    "corner_outer": "110,320",
    "corner_inner": "670,330",
    "upper_margin": "150,330 200,345 300,378 400,382 500,365 550,355 600,345",
    "openness": "closed",
    "fold_visibility": "none",
    "iris_hidden": 1,
    "skin": "dark",
    "quality": "fair",
}


def a_frame(eye: Eye = Eye.RIGHT, seed: int | None = 3) -> CropFrame:
    corners = [np.array([40.0, 52.0]), np.array([92.0, 55.0])]
    outer, inner = corners if eye is Eye.RIGHT else corners[::-1]
    rng = None if seed is None else np.random.default_rng(seed)
    return CropFrame.about_corners(outer, inner, eye, rng)


def a_label(
    reading: dict[str, Any] = OPEN_EYE, number: Any = 1, eye: Eye = Eye.RIGHT, digest: str = "ab"
) -> EyeLabel:
    frame, read = a_frame(eye), parse_reading(reading)
    first, second = frame.crop_to_picture.tolist()
    return EyeLabel(
        source="portraits",
        picture=Picture(sha256=digest * 32, rows=100, columns=130),
        eye="R" if eye is Eye.RIGHT else "L",
        reader="A",
        reading=number,
        date="2026-01-01",
        crop_to_picture=(tuple(first), tuple(second)),
        shape=frame.carry_shape(read.shape),
        attributes=read.attributes,
    )


def moved(reading: dict[str, Any], line: str, by: float) -> dict[str, Any]:
    points = [[float(v) for v in point.split(",")] for point in reading[line].split()]
    return {**reading, line: [[x, y + by] for x, y in points]}


# -- where a crop lies


@pytest.mark.parametrize("eye", list(Eye))
def test_the_corners_lie_level_in_the_crop_outer_left(eye: Eye) -> None:
    crop = a_frame(eye, seed=None)
    outer, inner = np.array([40.0, 52.0]), np.array([92.0, 55.0])
    if eye is Eye.LEFT:
        outer, inner = inner, outer
    np.testing.assert_allclose(crop.inverse().carry(outer), [140, 300], atol=1e-9)
    np.testing.assert_allclose(crop.inverse().carry(inner), [660, 300], atol=1e-9)
    assert crop.mirrored == (eye is Eye.LEFT)
    brow, cheek = crop.carry([[400, 0], [400, 559]])
    assert brow[1] < cheek[1]  # upright in the picture as well


@pytest.mark.parametrize("eye", list(Eye))
def test_a_shape_comes_back_from_the_picture_as_it_went(eye: Eye) -> None:
    crop, shape = a_frame(eye), parse_reading(OPEN_EYE).shape
    back = crop.inverse().carry_shape(crop.carry_shape(shape))
    for name in ("upper_margin", "lower_margin", "fold", "lower_boundary", "corner_outer"):
        np.testing.assert_allclose(getattr(back, name), getattr(shape, name), atol=1e-9)
    assert shape.iris
    assert shape.pupil
    assert back.iris
    assert back.pupil
    np.testing.assert_allclose(back.iris.semi_axes, shape.iris.semi_axes)
    assert back.iris.angle_deg == pytest.approx(shape.iris.angle_deg)
    assert back.pupil.radius == pytest.approx(shape.pupil.radius)


@pytest.mark.parametrize("eye", list(Eye))
def test_an_ellipse_in_the_picture_is_the_ellipse_of_the_crop(eye: Eye) -> None:
    crop = a_frame(eye)
    iris = parse_reading(OPEN_EYE).shape.iris
    assert iris
    placed = crop.carry_shape(parse_reading(OPEN_EYE).shape).iris
    assert placed

    def axes(one: Any) -> NDArray[np.float64]:
        angle = np.radians(one.angle_deg)
        return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])

    t = np.linspace(0, 2 * np.pi, 50)
    round_it = np.column_stack([np.cos(t), np.sin(t)]) * iris.semi_axes
    carried = crop.carry(round_it @ axes(iris) + iris.centre)
    seen = (carried - placed.centre) @ axes(placed).T / placed.semi_axes
    np.testing.assert_allclose(np.hypot(*seen.T), 1.0, atol=1e-9)


@pytest.mark.parametrize("scale", [1, 40])
def test_a_spot_in_the_picture_is_seen_where_the_crop_says(scale: int) -> None:
    picture = np.zeros((100 * scale, 130 * scale, 3), dtype=np.uint8)
    ends = [np.array([40.0, 52.0]) * scale, np.array([92.0, 55.0]) * scale]
    crop = CropFrame.about_corners(ends[0], ends[1], Eye.RIGHT)
    spot = np.array([70, 50]) * scale
    cv2.circle(picture, spot.tolist(), max(1, 2 * scale), (255, 255, 255), -1)
    seen = crop.cut(picture)[..., 0].astype(np.float64)
    rows, columns = np.indices(seen.shape)
    middle = [(columns * seen).sum() / seen.sum(), (rows * seen).sum() / seen.sum()]
    np.testing.assert_allclose(middle, crop.inverse().carry(spot), atol=1.0)


@pytest.mark.parametrize("eye", list(Eye))
def test_seen_from_afar_the_middle_stays_and_three_times_as_much_is_seen(eye: Eye) -> None:
    crop = a_frame(eye)
    afar = crop.seen_from_afar()
    np.testing.assert_allclose(afar.carry([400, 280]), crop.carry([400, 280]))
    np.testing.assert_allclose(afar.inverse().carry(crop.carry([700, 280])), [500, 280])
    assert afar.mirrored == crop.mirrored


def test_the_second_crop_of_an_eye_looks_another_and_has_another_name() -> None:
    label = a_label()
    crop = Crop(
        crop_id="12345678",
        source="portraits",
        file=Path("a.jpg"),
        picture=label.picture,
        eye="R",
        reading=1,
        crop_to_picture=label.crop_to_picture,
    )
    second = second_crop(crop)
    assert (second.reading, second.eye, second.picture) == (2, crop.eye, crop.picture)
    assert second.crop_id != crop.crop_id
    corner = crop.frame.carry([140, 300])
    assert np.linalg.norm(second.frame.inverse().carry(corner) - [140, 300]) > 3
    assert second_crop(crop) == second


# -- what is refused


def test_an_open_and_a_closed_eye_are_accepted() -> None:
    assert parse_reading(OPEN_EYE).shape.iris is not None
    closed = parse_reading(CLOSED_EYE).shape
    assert closed.lower_margin == closed.upper_margin


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"upper_margin": OPEN_EYE["upper_margin"][8:]}, "upper_margin has 6 points"),
        (
            {"lower_margin": " ".join(reversed(OPEN_EYE["lower_margin"].split()))},
            "lower_margin does not run",
        ),
        ({"corner_outer": "160,320"}, "upper_margin does not run"),
        ({"upper_margin": OPEN_EYE["lower_margin"]}, "opens by"),
        (moved(OPEN_EYE, "upper_margin", 100), "below the lower one"),
        ({"fold": "200,200 400,215 600,230"}, "fold is on the wrong side"),
        ({"lower_boundary": "200,420 400,370 600,420"}, "lower_boundary is on the wrong side"),
        ({"fold_visibility": "none"}, "called none, but is drawn"),
        ({"fold": None}, "called clear, but is not drawn"),
        ({"corner_inner": "801,330"}, "outside of the crop"),
        ({"iris": None}, "has an iris"),
        ({"iris": {"centre": "365,278", "semi_axes": "40,40"}}, "semi-axes"),
        ({"iris": {"centre": "60,278", "semi_axes": "110,110"}}, "not between the corners"),
        ({"pupil": {"centre": "365,265", "radius": 120}}, "out of the iris"),
        ({"openness": "closed", "iris": None, "pupil": None}, "gapes"),
        ({"openness": "shut"}, "openness"),
        ({"lashes": "long"}, "lashes"),
        ({"iris_hidden": 1.2}, "iris_hidden"),
        ({"upper_margin": "150,280 200"}, "upper_margin"),
    ],
)
def test_a_reading_that_is_no_eye_is_refused_with_the_reason(
    change: dict[str, Any], said: str
) -> None:
    with pytest.raises(ReadingRefused, match=said):
        parse_reading({**OPEN_EYE, **change})


def test_a_closed_eye_shows_no_iris() -> None:
    with pytest.raises(ReadingRefused, match="neither iris nor pupil"):
        parse_reading({**CLOSED_EYE, "iris": OPEN_EYE["iris"]})


# -- who is tested on


def test_a_third_of_the_people_is_only_for_testing_and_always_the_same() -> None:
    digests = [f"{number:064x}" for number in range(3, 3003)]
    assert sum(split_of(digest) == "test" for digest in digests) == 1000
    assert split_of("f" * 64) == "test"
    assert split_of("f" * 63 + "e") == "train"


def test_a_clip_is_tested_on_or_not_by_name() -> None:
    franck = "253751d5549ef5d4bb82693fa851197fa53e5373c69acc0a11c8d6601f4b7e02"
    carphone = "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28"
    assert (split_of(franck), split_of(carphone)) == ("test", "train")


# -- the labels file


def test_reading_anew_replaces_and_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl"
    for label in (a_label(digest="cd"), a_label(), a_label(number=2)):
        write_label(file, label)
    write_label(file, a_label(CLOSED_EYE))
    labels = read_labels([file])
    assert [(one.picture.sha256[:2], one.reading, one.corrections) for one in labels] == [
        ("ab", 1, 1),
        ("ab", 2, 0),
        ("cd", 1, 0),
    ]
    assert labels[0].attributes.openness == "closed"


def test_points_are_kept_to_a_thousandth_of_a_pixel(tmp_path: Path) -> None:
    file, label = tmp_path / "labels.jsonl", a_label()
    write_label(file, label)
    (kept,) = read_labels([file])
    np.testing.assert_allclose(kept.shape.upper_margin, label.shape.upper_margin, atol=6e-4)
    np.testing.assert_array_equal(kept.crop_to_picture, label.crop_to_picture)


def test_an_unknown_crop_is_told(tmp_path: Path) -> None:
    write_manifest(tmp_path, [])
    with pytest.raises(CropUnknown, match="deadbeef"):
        crops_named(tmp_path, ["deadbeef"])


def test_a_label_names_no_file() -> None:
    assert "file" not in EyeLabel.model_fields


def test_reading_and_review_go_through_the_command(tmp_path: Path, capsys: Any) -> None:
    rng = np.random.default_rng(0)
    cv2.imwrite(str(tmp_path / "a.png"), rng.integers(0, 255, (100, 130, 3), dtype=np.uint8))
    label = a_label()
    crop = Crop(
        crop_id="0a0a0a0a",
        source="portraits",
        file=tmp_path / "a.png",
        picture=label.picture,
        eye="R",
        reading=1,
        crop_to_picture=label.crop_to_picture,
    )
    write_manifest(tmp_path, [crop])
    readings, labels = tmp_path / "readings.json", tmp_path / "labels.jsonl"
    readings.write_text(json.dumps({"0a0a0a0a": OPEN_EYE}), encoding="utf-8")
    assert main(["view", str(tmp_path), "0a0a0a0a"]) == 0
    assert main(["context", str(tmp_path), "0a0a0a0a"]) == 0
    assert main(["record", str(labels), str(tmp_path), str(readings), "--reader", "A"]) == 0
    assert main(["show", str(labels), str(tmp_path), "0a0a0a0a"]) == 0
    assert main(["show", str(labels), str(tmp_path), "0a0a0a0a", "--small"]) == 0
    assert (tmp_path / "views" / "0a0a0a0a.png").exists()
    assert (tmp_path / "context" / "0a0a0a0a.png").exists()
    assert (tmp_path / "overlays" / "0a0a0a0a.png").exists()
    assert (tmp_path / "pairs" / "0a0a0a0a.png").exists()
    (kept,) = read_labels([labels])
    back = crop.frame.inverse().carry_shape(kept.shape)
    np.testing.assert_allclose(back.corner_outer, [110, 320], atol=0.02)
    readings.write_text(json.dumps({"0a0a0a0a": {**OPEN_EYE, "iris": None}}), encoding="utf-8")
    assert main(["record", str(labels), str(tmp_path), str(readings), "--reader", "A"]) == 1
    assert "has an iris" in capsys.readouterr().out
    assert read_labels([labels]) == [kept]


# -- agreement


def test_the_same_reading_twice_agrees_fully() -> None:
    for eye in Eye:
        pair = (a_label(eye=eye), a_label(number=2, eye=eye))
        for one in agreement([pair]).values():
            assert (one.bias, one.sd) == pytest.approx((0, 0), abs=1e-9)


@pytest.mark.parametrize("eye", list(Eye))
def test_a_margin_read_lower_shows_as_that_much_of_the_width(eye: Eye) -> None:
    low = moved(OPEN_EYE, "upper_margin", 5.6)  # 1 % of 560 px; the corners stay
    found = agreement([(a_label(eye=eye), a_label(low, 2, eye))])
    assert found["upper_margin"].bias == pytest.approx(1.0, abs=0.03)
    assert found["aperture"].bias == pytest.approx(-1.0, abs=0.02)
    assert found["lower_margin"].bias == pytest.approx(0.0, abs=1e-9)
    assert found["corner_inner_x"].bias == pytest.approx(0.0, abs=1e-9)


def test_bias_and_scatter_are_told_apart() -> None:
    pairs = [
        (a_label(digest=name), a_label(moved(OPEN_EYE, "fold", by), 2, digest=name))
        for name, by in (("aa", 11.2), ("bb", 0.0))
    ]
    fold = agreement(pairs)["fold"]
    assert fold.eyes == 2
    assert fold.bias == pytest.approx(1.0, abs=0.02)
    assert fold.sd == pytest.approx(1.0, abs=0.02)
    assert fold.sd_of_eyes == pytest.approx(1.0, abs=0.02)


def test_only_eyes_read_twice_are_compared_and_only_where_both_drew() -> None:
    without = {**OPEN_EYE, "fold": None, "fold_visibility": "hidden"}
    labels = [a_label(), a_label(without, 2), a_label(digest="cd")]
    (pair,) = pair_readings(labels)
    assert [one.reading for one in pair] == [1, 2]
    found = agreement([pair])
    assert "fold" not in found
    assert found["lower_boundary"].eyes == 1
    assert len(COLUMNS) == 9


# -- pictures for the reader


def test_the_grid_leaves_most_of_the_crop_as_it_is() -> None:
    crop = np.full((560, 800, 3), 90, dtype=np.uint8)
    framed = draw_grid(crop, "0a0a0a0a")
    inside = framed[30 : 30 + 560, 34 : 34 + 800]
    untouched = (inside == 90).all(axis=2).mean()
    assert untouched > 0.9
    assert inside[250, 100].mean() > 110  # a crossing of lines


def test_a_reading_is_drawn_where_it_was_read() -> None:
    crop = np.zeros((560, 800, 3), dtype=np.uint8)
    shape: Shape = parse_reading(OPEN_EYE).shape
    inside = draw_reading(crop, shape, "0a0a0a0a")[30 : 30 + 560, 34 : 34 + 800]
    red = (inside[..., 0] > 150) & (inside[..., 1] < 120) & (inside[..., 2] < 120)
    rows, columns = np.nonzero(red)
    assert rows[columns == 400].mean() == pytest.approx(200, abs=1.5)

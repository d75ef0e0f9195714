"""``python -m dmask_node.training.labels``: cut eyes out, record what was read, review, compare."""

import argparse
import datetime as dt
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from dmask_node.errors import DmaskError
from dmask_node.training.labels.agreement import agreement, pair_readings
from dmask_node.training.labels.draw import (
    draw_context,
    draw_grid,
    draw_pair,
    draw_reading,
    stack,
    stretch,
)
from dmask_node.training.labels.errors import ReadingRefused
from dmask_node.training.labels.find import find_eyes, read_picture, second_crop, take_frames
from dmask_node.training.labels.scheme import parse_reading
from dmask_node.training.labels.split import split_of
from dmask_node.training.labels.store import (
    Crop,
    EyeLabel,
    crops_named,
    read_labels,
    write_label,
    write_manifest,
)

_CONSOLE = Console(highlight=False, soft_wrap=True)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 1 if something was refused."""
    asked = _parser().parse_args(arguments)
    try:
        return int(asked.run(asked))
    except DmaskError as error:
        _CONSOLE.print(f"{error.reason}: {error}. {error.hint}", markup=False)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dmask_node.training.labels", description=__doc__
    )
    commands = parser.add_subparsers(required=True)

    one = commands.add_parser("frames", help="take frames of a clip as pictures")
    one.add_argument("clip", type=Path)
    one.add_argument("folder", type=Path, help="where the pictures go")
    one.add_argument("--at", required=True, help="indices of decoded frames: 40,41,60-64")
    one.set_defaults(run=_frames)

    one = commands.add_parser("crops", help="find the eyes of a folder of pictures")
    one.add_argument("pictures", type=Path)
    one.add_argument("work", type=Path, help="work folder, outside of the project")
    one.add_argument("--source", required=True, help="key of the README's table of sources")
    one.set_defaults(run=_crops)

    one = commands.add_parser("again", help="add crops for second readings, and print their ids")
    one.add_argument("work", type=Path)
    one.add_argument("crop_ids", nargs="+", metavar="CROP_ID")
    one.set_defaults(run=_again)

    one = commands.add_parser("view", help="draw crops with the ruler grid, two a picture")
    one.add_argument("work", type=Path)
    one.add_argument("crop_ids", nargs="+", metavar="CROP_ID")
    one.add_argument("--brighten", action="store_true", help="stretch the contrast of dark crops")
    one.set_defaults(run=_view)

    one = commands.add_parser("context", help="draw crops small, with what is around, 6 a picture")
    one.add_argument("work", type=Path)
    one.add_argument("crop_ids", nargs="+", metavar="CROP_ID")
    one.set_defaults(run=_context)

    one = commands.add_parser("record", help="check readings and enter them")
    one.add_argument("labels", type=Path, metavar="LABELS.jsonl")
    one.add_argument("work", type=Path)
    one.add_argument("readings", metavar="READINGS.json", help="crop id: reading; - for stdin")
    one.add_argument("--reader", required=True, help="who read: a letter")
    one.set_defaults(run=_record)

    one = commands.add_parser("show", help="draw readings over their crops, two a picture")
    one.add_argument("labels", type=Path, metavar="LABELS.jsonl")
    one.add_argument("work", type=Path)
    one.add_argument("crop_ids", nargs="+", metavar="CROP_ID")
    one.add_argument("--small", action="store_true", help="without and with lines, 8 a picture")
    one.set_defaults(run=_show)

    one = commands.add_parser("agreement", help="compare first and second readings")
    one.add_argument("labels", type=Path, nargs="+", metavar="LABELS.jsonl")
    one.set_defaults(run=_agreement)

    one = commands.add_parser("count", help="count the labels by what they show")
    one.add_argument("labels", type=Path, nargs="+", metavar="LABELS.jsonl")
    one.set_defaults(run=_count)
    return parser


def _frames(asked: argparse.Namespace) -> int:
    written = take_frames(asked.clip, _indices(asked.at), asked.folder)
    _CONSOLE.print(f"{len(written)} frames")
    return 0


def _indices(text: str) -> list[int]:
    """Read ``40,41,60-64``."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def _crops(asked: argparse.Namespace) -> int:
    asked.work.mkdir(parents=True, exist_ok=True)
    found: list[Crop] = []
    without = 0
    for one in find_eyes(asked.pictures, asked.source, 1):
        if isinstance(one, Crop):
            found.append(one)
        else:
            without += 1
    write_manifest(asked.work, found)
    _CONSOLE.print(f"{len(found)} eyes; no face in {without} pictures")
    return 0


def _again(asked: argparse.Namespace) -> int:
    seconds = [second_crop(crop) for crop in crops_named(asked.work, asked.crop_ids)]
    write_manifest(asked.work, seconds)
    for crop in seconds:
        _CONSOLE.print(crop.crop_id)
    return 0


def _view(asked: argparse.Namespace) -> int:
    def drawn(crop: Crop) -> NDArray[np.uint8]:
        cut = crop.frame.cut(read_picture(crop.file))
        return draw_grid(stretch(cut) if asked.brighten else cut, crop.crop_id)

    _write_pairs(
        asked.work / "views",
        [drawn(crop) for crop in crops_named(asked.work, asked.crop_ids)],
        asked,
    )
    return 0


def _context(asked: argparse.Namespace) -> int:
    def drawn(crop: Crop) -> NDArray[np.uint8]:
        picture = read_picture(crop.file)
        afar = crop.frame.seen_from_afar().cut(picture)
        return draw_context(crop.frame.cut(picture), afar, crop.crop_id)

    pictures = [drawn(crop) for crop in crops_named(asked.work, asked.crop_ids)]
    _write_pages(asked.work / "context", pictures, asked, rows=3)
    return 0


def _write_pages(
    folder: Path, pictures: Sequence[NDArray[np.uint8]], asked: argparse.Namespace, rows: int
) -> None:
    """Write small pictures, two a row."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(0, len(pictures), 2 * rows):
        page = list(pictures[k : k + 2 * rows])
        page += [np.zeros_like(page[0])] * (len(page) % 2)
        file = folder / f"{asked.crop_ids[k]}.png"
        joined = stack([np.hstack(page[n : n + 2]) for n in range(0, len(page), 2)])
        cv2.imwrite(str(file), joined[..., ::-1])
        _CONSOLE.print(str(file))


def _record(asked: argparse.Namespace) -> int:
    given = json.loads(
        sys.stdin.read() if asked.readings == "-" else Path(asked.readings).read_text("utf-8")
    )
    refused = 0
    for crop in crops_named(asked.work, list(given)):
        try:
            reading = parse_reading(given[crop.crop_id])
        except ReadingRefused as error:
            _CONSOLE.print(f"{crop.crop_id} refused: {error}", markup=False)
            refused += 1
            continue
        label = EyeLabel(
            source=crop.source,
            picture=crop.picture,
            eye=crop.eye,
            reader=asked.reader,
            reading=crop.reading,
            date=dt.datetime.now(tz=dt.UTC).date().isoformat(),
            crop_to_picture=crop.crop_to_picture,
            shape=crop.frame.carry_shape(reading.shape),
            attributes=reading.attributes,
        )
        written = write_label(asked.labels, label)
        _CONSOLE.print(f"{crop.crop_id} recorded, corrections: {written.corrections}")
    return 1 if refused else 0


def _show(asked: argparse.Namespace) -> int:
    labels = {(one.subject, one.reading): one for one in read_labels([asked.labels])}
    pictures = []
    for crop in crops_named(asked.work, asked.crop_ids):
        label = labels.get(((crop.picture.sha256, crop.picture.frame, crop.eye), crop.reading))
        if label is None:
            _CONSOLE.print(f"{crop.crop_id} is not in the labels file")
            continue
        shape = crop.frame.inverse().carry_shape(label.shape)
        cut = crop.frame.cut(read_picture(crop.file))
        draw = draw_pair if asked.small else draw_reading
        pictures.append(draw(cut, shape, crop.crop_id))
    if asked.small:
        _write_pages(asked.work / "pairs", pictures, asked, rows=4)
    else:
        _write_pairs(asked.work / "overlays", pictures, asked)
    return 0


def _write_pairs(
    folder: Path, pictures: Sequence[NDArray[np.uint8]], asked: argparse.Namespace
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(0, len(pictures), 2):
        file = folder / f"{'-'.join(asked.crop_ids[k : k + 2])}.png"
        cv2.imwrite(str(file), stack(pictures[k : k + 2])[..., ::-1])
        _CONSOLE.print(str(file))


def _agreement(asked: argparse.Namespace) -> int:
    pairs = pair_readings(read_labels(asked.labels))
    table = Table("% of eye width", "eyes", "bias", "sd", "sd of eyes", "mean |.|")
    for name, one in agreement(pairs).items():
        values = (one.bias, one.sd, one.sd_of_eyes, one.mean_absolute)
        table.add_row(name, str(one.eyes), *(f"{value:.2f}" for value in values))
    _CONSOLE.print(table)
    return 0


def _count(asked: argparse.Namespace) -> int:
    labels = read_labels(asked.labels)
    table = Table("", "train", "test")
    rows: dict[str, dict[str, int]] = {}
    for label in labels:
        part = split_of(label.picture.sha256)
        noted = label.attributes.model_dump(exclude={"note", "iris_hidden"})
        names = [f"reading {label.reading}", f"source {label.source}", f"reader {label.reader}"]
        for name in [*names, *(f"{key} {value}" for key, value in noted.items())]:
            rows.setdefault(name, {"train": 0, "test": 0})[part] += 1
    for name in sorted(rows):
        table.add_row(name, str(rows[name]["train"]), str(rows[name]["test"]))
    _CONSOLE.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())

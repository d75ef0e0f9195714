"""The work folder's list of crops, and the labels file: one JSON object a line."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from dmask_node.training.labels.crop import CropFrame
from dmask_node.training.labels.errors import CropUnknown
from dmask_node.training.labels.scheme import Attributes, Shape

MANIFEST: Final = "manifest.jsonl"
_DECIMALS: Final = 3
"""Of a picture pixel: a thousandth is far below what a reader sees."""


class Picture(BaseModel):
    """A picture, told from others by its checksum."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Of the picture file, or of the clip that a frame is from."""
    frame: int | None = None
    """Index of the decoded frame, from 0; None for a picture file."""
    rows: int
    columns: int


class Crop(BaseModel):
    """One line of the manifest: what the reader is shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    crop_id: str
    source: str
    """Key of the table of sources in the README of the labels."""
    file: Path
    """The picture file, as it lies on this machine; goes into no label."""
    picture: Picture
    eye: Literal["R", "L"]
    """Of the patient."""
    reading: Literal[1, 2]
    crop_to_picture: tuple[tuple[float, float, float], tuple[float, float, float]]

    @property
    def frame(self) -> CropFrame:
        """Where the crop lies in its picture."""
        return CropFrame(np.array(self.crop_to_picture))


class EyeLabel(BaseModel):
    """One line of a labels file: an eye as one reader saw it once, in picture pixels."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    picture: Picture
    eye: Literal["R", "L"]
    reader: str
    reading: Literal[1, 2]
    """2: read again, blind to the first reading."""
    date: str
    corrections: int = 0
    """How often the reader drew it anew after looking at the overlay."""
    crop_to_picture: tuple[tuple[float, float, float], tuple[float, float, float]]
    """The crop the reader looked at."""
    shape: Shape
    """(0, 0) is the centre of the picture's top left pixel."""
    attributes: Attributes

    @property
    def subject(self) -> tuple[str, int | None, str]:
        """What was read: the same for both readings of an eye."""
        return self.picture.sha256, self.picture.frame, self.eye

    @property
    def key(self) -> tuple[str, int, str, str, int]:
        """By which a reading is told from others, and sorted."""
        frame = -1 if self.picture.frame is None else self.picture.frame
        return self.picture.sha256, frame, self.eye, self.reader, self.reading


def read_labels(files: Iterable[Path]) -> list[EyeLabel]:
    """Read labels files, in their order."""
    return [EyeLabel.model_validate_json(line) for file in files for line in _lines(file)]


def write_label(file: Path, label: EyeLabel) -> EyeLabel:
    """Enter a reading; one of the same eye, reader and number is replaced and counted.

    Parameters
    ----------
    file : Path
        Labels file; made if it does not exist. Kept sorted, so that two versions compare well.
    label : EyeLabel
        In picture pixels.

    Returns
    -------
    EyeLabel
        As written, with the count of corrections.
    """
    others = {one.key: one for one in read_labels([file])}
    if (before := others.get(label.key)) is not None:
        label = label.model_copy(update={"corrections": before.corrections + 1})
    others[label.key] = label
    text = "".join(_line(others[key]) for key in sorted(others))
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)
    return label


def read_manifest(work: Path) -> dict[str, Crop]:
    """Read the crops of a work folder, by id."""
    crops = [Crop.model_validate_json(line) for line in _lines(work / MANIFEST)]
    return {crop.crop_id: crop for crop in crops}


def write_manifest(work: Path, crops: Iterable[Crop]) -> None:
    """Add crops to a work folder's list; those of the same id are replaced."""
    all_crops = read_manifest(work) | {crop.crop_id: crop for crop in crops}
    text = "".join(f"{crop.model_dump_json()}\n" for crop in all_crops.values())
    (work / MANIFEST).write_text(text, encoding="utf-8")


def crops_named(work: Path, crop_ids: Sequence[str]) -> list[Crop]:
    """Look crops up.

    Raises
    ------
    CropUnknown
        If an id is not in the manifest.
    """
    manifest = read_manifest(work)
    unknown = [crop_id for crop_id in crop_ids if crop_id not in manifest]
    if unknown:
        raise CropUnknown(f"no such crops: {', '.join(unknown)}")
    return [manifest[crop_id] for crop_id in crop_ids]


def _lines(file: Path) -> Iterator[str]:
    if file.exists():
        yield from file.read_text(encoding="utf-8").splitlines()


def _line(label: EyeLabel) -> str:
    data = label.model_dump(mode="json")
    data["shape"] = _rounded(data["shape"])
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False) + "\n"


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, _DECIMALS)
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return value

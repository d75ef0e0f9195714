"""Make the crops that the network is trained on, in blocks that can be made again from a seed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from dmask_node.models.store import load_morphable_model
from dmask_node.training.crop import CROP
from dmask_node.training.occluders import KINDS, occlude
from dmask_node.training.portraits import PortraitEye
from dmask_node.training.renders import EyeRenderer
from dmask_node.training.spoil import spoil
from dmask_node.training.truth import CropTruth, EyeTruth, opening_of
from dmask_node.training.warps import TRAINED, move_iris, move_lids, random_move

Picture = NDArray[np.uint8]

_OCCLUDED: Final = 0.16
"""Share of the eyes that something stands before."""
_CLOSED: Final = 0.4
"""Share of painted lids that close the eye."""
_RAISED: Final = 0.35
"""Share of moved lids that are raised instead of lowered, of the laws that can raise."""
_LOOKS_OF_ONE: Final = 3
"""Crops made of one render: placing, light and codec differ."""
_HAND_TIMES: Final = 4
"""How much oftener a crop is made of an eye read by hand than of another one."""


class Samples(NamedTuple):
    """Crops and their truth, stacked."""

    crops: Picture
    """(n, 80, 112, 3), RGB."""
    truth: CropTruth
    """Each field with a first axis of n."""

    def save(self, file: Path) -> None:
        """Write one uncompressed ``.npz``, whole or not at all."""
        beside = file.with_suffix(".part.npz")
        np.savez(beside, crops=self.crops, **self.truth._asdict())
        beside.replace(file)

    @classmethod
    def load(cls, files: Sequence[Path]) -> "Samples":
        """Read and join blocks."""
        blocks = [np.load(file) for file in files]
        truth = {
            name: np.concatenate([block[name] for block in blocks]) for name in CropTruth._fields
        }
        return cls(np.concatenate([block["crops"] for block in blocks]), CropTruth(**truth))


def render_samples(n: int, seed: int) -> Samples:
    """Make crops of rendered eyes.

    Parameters
    ----------
    n : int
        How many.
    seed : int
        The same seed makes the same crops.

    Returns
    -------
    Samples
        Of exact truth.
    """
    rng = np.random.default_rng([seed, 1])
    renderer = EyeRenderer(load_morphable_model())
    made: list[tuple[Picture, CropTruth]] = []
    while len(made) < n:
        plate, truth = renderer(rng)
        made += [spoil(*perhaps_occluded(plate, truth, rng), rng) for _ in range(_LOOKS_OF_ONE)]
    return _stack(made[:n])


def portrait_samples(eyes: Sequence[PortraitEye], n: int, seed: int) -> Samples:
    """Make crops of the eyes of portraits, lids and irises moved by known amounts.

    Parameters
    ----------
    eyes : sequence of PortraitEye
        Of people who may be trained on.
    n : int
        How many crops.
    seed : int
        The same seed and eyes make the same crops.

    Returns
    -------
    Samples
        Truth is as good as what is known of the eye before the warp; its weight says how good.

    Raises
    ------
    ValueError
        If an eye belongs to a person held back for tests.
    """
    if any(eye.split == "test" for eye in eyes):
        raise ValueError("eyes of people who are held back for tests")
    rng = np.random.default_rng([seed, 2])
    times = np.array([_HAND_TIMES if eye.by_hand else 1 for eye in eyes])
    made = []
    for chosen in rng.choice(len(eyes), n, p=times / times.sum()):
        eye = eyes[chosen]
        made.append(spoil(*perhaps_occluded(*moved(eye.plate, eye.truth, rng), rng), rng))
    return _stack(made)


def moved(plate: Picture, truth: EyeTruth, rng: Generator) -> tuple[Picture, EyeTruth]:
    """Move iris and lids of an eye by chance; closed eyes stay as they are."""
    opening = opening_of(truth)
    if opening < 0.1:
        return plate, truth
    if np.isfinite(truth.iris).all() and rng.random() < 0.5:
        shift = rng.uniform([-0.5, -0.35], [0.5, 0.35])
        plate, truth = move_iris(plate, truth, (float(shift[0]), float(shift[1])))
    law = str(rng.choice(["none", *TRAINED], p=[0.2, 0.1, 0.26, 0.12, 0.12, 0.2]))
    if law == "none":
        return plate, truth
    if law == "paint":
        upper = 1.0 if rng.random() < _CLOSED else rng.uniform(0.05, 0.95)
    elif law == "first" or rng.random() > _RAISED:
        upper = rng.uniform(0.05, 0.85)
    else:
        upper = -rng.uniform(0.0, 0.5)
    return move_lids(plate, truth, law, random_move(law, float(upper), rng), rng)


def perhaps_occluded(plate: Picture, truth: EyeTruth, rng: Generator) -> tuple[Picture, EyeTruth]:
    """Put something before an eye by chance; mostly nothing."""
    if rng.random() > _OCCLUDED:
        return plate, truth
    kind = str(rng.choice(list(KINDS), p=[0.4, 0.18, 0.16, 0.16, 0.10]))
    return occlude(plate, truth, kind, rng)


def _stack(made: Sequence[tuple[Picture, CropTruth]]) -> Samples:
    crops = np.stack([crop for crop, _ in made])
    assert crops.shape[1:] == (CROP.rows, CROP.columns, 3)
    truth = CropTruth(*(np.stack(values) for values in zip(*(t for _, t in made), strict=True)))
    return Samples(crops, truth)


def describe(samples: Samples) -> str:
    """Return a line of JSON about how the openings of some samples are distributed."""
    opening = samples.truth.opening
    share = np.nanpercentile(opening, [5, 25, 50, 75, 95]).round(3).tolist()
    return json.dumps({"crops": len(samples.crops), "openings": share})

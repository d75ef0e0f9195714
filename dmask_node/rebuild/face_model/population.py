"""Draw random heads from MakeHuman's sliders.

The ranges are a choice, not a survey of people: they only have to span the faces a landmark
network can tell apart. Sliders of the eyes are left out, because the lids have a model of their
own, and so are those that no landmark sees.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.rebuild.face_model.head import Head
from dmask_node.rebuild.face_model.sources import HeadSources

N_HEADS: Final = 2000
"""Random heads behind the principal components."""
SEED: Final = 0

Targets = Mapping[str, NDArray[np.float32]]

_DETAIL_FOLDERS: Final = (
    *("head", "forehead", "eyebrows", "nose", "mouth", "ears", "chin", "cheek", "asym"),
)
_OPPOSITES: Final = (
    ("decr", "incr"),
    ("down", "up"),
    ("in", "out"),
    ("backward", "forward"),
    ("concave", "convex"),
    ("compress", "uncompress"),
    ("l", "r"),
)
"""Ends of the names of two targets that are one slider's two directions."""
_LEFT_OUT: Final = re.compile(
    "ear-shape-pointed|ear-shape-triangle|head-back|head-trans|head-angle|neck-"
)
_RACES: Final = ("african", "asian", "caucasian")
_AGE_YOUNG: Final = (0.15, 0.5)
"""Below: between child and young. Above: between young and old."""
_LEFT_RIGHT_SD: Final = 0.08
"""By how much a slider differs between the sides of a face."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slider:
    """One detail of the face."""

    low: str | None
    """Target of its negative direction; None if it only goes one way."""
    high: str
    """Target of its positive direction."""

    @property
    def spread(self) -> float:
        """Standard deviation over people, as a fraction of the slider; 0 if it is left out."""
        name = self.high
        if _LEFT_OUT.search(name):
            return 0.0
        if "asym" in name:
            return 0.18
        if "ear-" in name or name.startswith("forehead"):
            return 0.25
        return 0.12 if name.startswith("head-") else 0.33


def pair_sliders(names: list[str]) -> list[Slider]:
    """Join the targets that are one slider's two directions, in the order of the names."""
    known, used, sliders = set(names), set[str](), []
    for name in names:
        if name in used:
            continue
        other = _opposite(name, known, low=True)
        if other is not None:
            sliders.append(Slider(low=name, high=other))
            used |= {name, other}
        elif _opposite(name, known, low=False) is None:
            sliders.append(Slider(low=None, high=name))
            used.add(name)
    return sliders


def _opposite(name: str, known: set[str], *, low: bool) -> str | None:
    for ends in _OPPOSITES:
        here, there = ends if low else ends[::-1]
        candidate = name.removesuffix(here) + there
        if name.endswith(f"-{here}") and candidate in known:
            return candidate
    return None


class Population:
    """People made from MakeHuman's macro targets and detail sliders.

    Parameters
    ----------
    sources : HeadSources
        Where the targets are read from.
    head : Head
        Which points they are needed for.
    """

    def __init__(self, sources: HeadSources, head: Head) -> None:
        def at_points(targets: Mapping[str, NDArray[np.float64]]) -> Targets:
            return {k: v[head.base_points].astype(np.float32) for k, v in targets.items()}

        self._base = sources.vertices_mm[head.base_points].astype(np.float32)
        macro = at_points(sources.targets("macrodetails"))
        self._macro = {k: v for k, v in macro.items() if "height" not in k}
        self._detail: dict[str, NDArray[np.float32]] = {}
        for folder in _DETAIL_FOLDERS:
            self._detail |= at_points(sources.targets(folder))
        # The "asymm" targets twist the trunk and the breast.
        face_only = [name for name in self._detail if not name.startswith("asymm-")]
        self._sliders = [slider for slider in pair_sliders(face_only) if slider.spread > 0]

    def draw(self, n_heads: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw heads.

        Parameters
        ----------
        n_heads : int
            How many.
        rng : numpy.random.Generator
            Source of chance.

        Returns
        -------
        (n_heads, points, 3) ndarray of float32
            Millimetres, in MakeHuman's frame.
        """
        return np.stack([self._draw_one(rng) for _ in range(n_heads)])

    def _draw_one(self, rng: np.random.Generator) -> NDArray[np.float32]:
        moved = self._draw_build(rng)
        values: dict[str, float] = {}
        for slider in self._sliders:
            if slider.low is None:
                value = min(abs(rng.normal(0, slider.spread * 0.7)), 1.0)
            else:
                value = np.clip(rng.normal(0, slider.spread), -1, 1)
                other_side = values.get("l-" + slider.high.removeprefix("r-"))
                if slider.high.startswith("r-") and other_side is not None:
                    value = np.clip(other_side + rng.normal(0, _LEFT_RIGHT_SD), -1, 1)
                values[slider.high] = value
            if value >= 0:
                moved += value * self._detail[slider.high]
            elif slider.low is not None:
                moved += -value * self._detail[slider.low]
        return self._base + moved

    def _draw_build(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Mix sex, age, race, muscle and weight."""
        male = rng.beta(0.6, 0.6)
        ages = _mix_ages(rng.uniform(0, 1))
        races = dict(zip(_RACES, rng.dirichlet([0.5] * 3), strict=True))
        muscles = _mix_around_average("muscle", np.clip(rng.normal(0, 0.4), -1, 1))
        weights = _mix_around_average("weight", np.clip(rng.normal(0, 0.45), -1, 1))
        moved = np.zeros_like(self._base)
        for sex, of_sex in (("female", 1 - male), ("male", male)):
            for age, of_age in ages.items():
                for race, of_race in races.items():
                    moved += of_sex * of_age * of_race * self._macro[f"{race}-{sex}-{age}"]
                for muscle, of_muscle in muscles.items():
                    for weight, of_weight in weights.items():
                        name = f"universal-{sex}-{age}-{muscle}-{weight}"
                        if name in self._macro and of_muscle * of_weight > 0:
                            amount = of_sex * of_age * of_muscle * of_weight
                            moved += amount * self._macro[name]
        return moved


def _mix_ages(age: float) -> dict[str, float]:
    youngest, oldest = _AGE_YOUNG
    if age < youngest:
        return {"child": 1 - age / youngest, "young": age / youngest}
    if age < oldest:
        return {"young": 1.0}
    old = (age - oldest) / (1 - oldest)
    return {"young": 1 - old, "old": old}


def _mix_around_average(what: str, amount: float) -> dict[str, float]:
    extreme = "max" if amount > 0 else "min"
    return {f"average{what}": 1 - abs(amount), f"{extreme}{what}": abs(amount)}

"""Can two masks be told to be one person's? A simulation on the coefficients that a mask shows.

``python -m tests.linkage_figures`` prints the figures of docs/privacy.md, in minutes. People are
drawn from the face model's own population and seen through noisy landmarks, in two clips each, with
another pose, distance and gaze. An attacker who has the outgoing motion itself (better than any
picture of it) compares medians and spreads of every outgoing signal, weighted by what he learned
from other people who are not among those attacked.
"""

import sys
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from dmask_node.fit.gate import pass_gate
from dmask_node.fit.sequence import fit_track
from dmask_node.fit.settings import FitSettings
from dmask_node.models.store import load_morphable_model
from dmask_node.records.masked import MaskTrack
from tests.synthetic_face import Person, landmarks_of

PEOPLE: Final = 120
FRAMES: Final = 24
NOISE_PX: Final = 0.5
"""Of each landmark; the networks repeat themselves to that on faces of 200 pixels."""
_SEED: Final = 20261122

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """Of one kind of population."""

    rank_1: float
    """Share of masks whose nearest mask in the other set is the same person's."""
    auc: float
    """Area under the curve of same against different people; 0.5 is chance."""


def features(mask: MaskTrack) -> dict[str, Floats]:
    """Return median and spread of every outgoing signal of a clip, by kind of signal."""
    n = len(mask.time_s)
    signals = {
        "head pose": np.concatenate(
            [mask.rotation_model_to_camera.reshape(n, 9)[:, 3:], mask.translation_mm / 100.0], 1
        ),
        "expression": mask.expression,
        "eyelids": mask.eyelid_weights.reshape(n, -1),
        "gaze": mask.gaze.reshape(n, -1),
    }
    found = {}
    for name, values in signals.items():
        low, middle, high = np.percentile(values[mask.found], (10, 50, 90), axis=0)
        found[name] = np.concatenate([middle, high - low])
    return found


def masks_of(number: int) -> list[dict[str, Floats]]:
    """Return the features of two clips of one person, who differs from others in face shape alone.

    Lids, gaze and head move alike in everybody, and no face rests in an expression.
    """
    of_person = np.random.default_rng([_SEED, number])
    model = load_morphable_model()
    identity = of_person.normal(0.0, 1.0, model.n_identity)
    found = []
    for clip in range(2):
        random = np.random.default_rng([_SEED, number, clip])
        turn = random.normal(0.0, 4.0, 3) + np.cumsum(random.normal(0, 0.5, (FRAMES, 3)), 0)
        gaze = random.normal(0.0, 5.0, (1, 1, 2)) + random.normal(0.0, 1.0, (FRAMES, 1, 2))
        closing = 0.12 + random.normal(0.0, 0.03, (FRAMES, 2))
        person = Person(
            n_frames=FRAMES,
            identity=identity,
            turn_deg=turn,
            shift_mm=random.normal(0.0, 15.0, (1, 3)),
            lids={"eyeBlink": np.clip(closing, 0.0, 1.0)},
            gaze_deg=np.repeat(gaze, 2, axis=1),
            distance_mm=float(random.uniform(450.0, 650.0)),
        )
        landmarks = landmarks_of(person, noise_px=NOISE_PX, seed=int(random.integers(1 << 30)))
        settings = FitSettings()
        mask, _ = pass_gate(fit_track(landmarks, model, settings), model, settings)
        found.append(features(mask))
    return found


def attack(known: Floats, unknown: Floats, taught: Floats) -> Figures:
    """Match clips to clips.

    Parameters
    ----------
    known, unknown : ndarray
        (people, features), one clip each.
    taught : ndarray
        (other people, 2, features): what the attacker learns the weights from, by a linear
        discriminant (within against between people).
    """
    within = (taught[:, 0] - taught[:, 1]) / np.sqrt(2.0)
    scale = np.maximum(np.concatenate(taught).std(axis=0), 1e-9)
    covariance = np.cov((within / scale).T) + 0.1 * np.eye(within.shape[1])
    whiten = np.linalg.cholesky(np.linalg.inv(covariance))
    a, b = (values / scale @ whiten for values in (known, unknown))
    between = np.linalg.svd((taught.mean(axis=1) - taught.mean(axis=(0, 1))) / scale @ whiten)[2]
    a, b = a @ between[:20].T, b @ between[:20].T
    distance = np.linalg.norm(a[:, np.newaxis] - b, axis=2)
    rank_1 = float(np.mean(distance.argmin(axis=1) == np.arange(len(a))))
    same = np.diag(distance)
    different = distance[~np.eye(len(a), dtype=bool)]
    auc = float(np.mean(same[:, np.newaxis] < different))
    return Figures(rank_1=rank_1, auc=auc)


def measure() -> dict[str, Figures]:
    """Attack `PEOPLE` people after having learned from as many others; by the signals used."""
    numbers = track(range(2 * PEOPLE), "masking", disable=not sys.stderr.isatty())
    everybody = [masks_of(number) for number in numbers]
    kinds = list(everybody[0][0])
    found = {}
    for name, used in (("all signals", kinds), *((f"{kind} alone", [kind]) for kind in kinds)):
        rows = np.array(
            [[np.concatenate([clip[k] for k in used]) for clip in clips] for clips in everybody]
        )
        found[name] = attack(rows[:PEOPLE, 0], rows[:PEOPLE, 1], rows[PEOPLE:])
    return found


if __name__ == "__main__":
    print(f"{PEOPLE} people, two clips each; chance: rank-1 {1 / PEOPLE:.1%}, AUC 0.50")
    for name, result in measure().items():
        print(f"{name}: rank-1 {result.rank_1:.1%}, AUC {result.auc:.2f}")

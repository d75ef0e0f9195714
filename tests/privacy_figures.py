"""The figures of docs/privacy.md that simulation gives: what dates and times tell by themselves.

``python -m tests.privacy_figures`` prints them. Seeded: the same figures every time.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.deidentify.keys import MasterKey

PATIENTS: Final = 10_000
DAYS: Final = 730
_SEED: Final = 20261122
_DAY_S: Final = 10 * 3600
"""Of a clinic that is open for ten hours."""

Integers = NDArray[np.int64]


def unique_by_gaps(visits: int) -> float:
    """Return the share of patients whose gaps between visits nobody else has.

    Parameters
    ----------
    visits : int
        Of every patient, on different days of two years, all days alike.

    Returns
    -------
    float
        In [0, 1].
    """
    random = np.random.default_rng(_SEED + visits)
    days = np.stack([random.choice(DAYS, visits, replace=False) for _ in range(PATIENTS)])
    days = np.sort(days, axis=1)
    return _share_unique(days[:, 1:] - days[:, :-1])


def unique_by_time_of_day(step_s: int) -> float:
    """Return the share of studies that are alone at their time of day, told in such steps."""
    times = np.random.default_rng(_SEED).integers(0, _DAY_S, PATIENTS)
    return _share_unique(times[:, np.newaxis] // step_s)


def distinct_offsets() -> int:
    """Return by how many different offsets the dates of so many patients are moved."""
    keys = MasterKey(bytes(range(7, 39))).keys("1", "archive")
    return len({keys.date_offset("id", str(number), "") for number in range(PATIENTS)})


def figures() -> Iterator[tuple[str, str]]:
    """Yield what is told, and the figure."""
    for visits in (2, 3, 4):
        yield (
            f"patients whose gaps between {visits} visits nobody else has",
            f"{unique_by_gaps(visits):.1%}",
        )
    for step_s, name in ((1, "second"), (60, "minute"), (3600, "hour")):
        share = unique_by_time_of_day(step_s)
        yield f"studies of one day that are alone at their {name}", f"{share:.1%}"
    yield f"different offsets of dates among {PATIENTS} patients", str(distinct_offsets())


def _share_unique(rows: Integers) -> float:
    _, counts = np.unique(rows, axis=0, return_counts=True)
    return float(np.count_nonzero(counts == 1) / len(rows))


if __name__ == "__main__":
    for what, figure in figures():
        print(f"{figure:>8}  {what}")

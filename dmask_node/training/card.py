"""The model card of the eye network, from the figures of its evaluation."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dmask_node.training.evaluate import METHODS

_UNIT: Final = "% of eye width"
_RENDERED: Final = ("upper", "lower", "fold", "boundary", "opening", "iris", "visibility")
_INTRODUCTION: Final = """\
Finds the lid margins, the fold, the lower boundary, corners, iris and pupil of one eye in a crop
(`dmask_node/training`). Trained on renders of the CC0 face model and on eyes of official portraits
in the public domain, lids and irises moved by known amounts."""
_MOVED_LIDS: Final = f"""\
People who were not trained on. `slope`: measured over true opening, median over people (sd);
`scatter`: sd of the change of the opening over eyes and levels; `error`: upper lid; both in
{_UNIT}. Laws marked * were kept out of the training, the others are of the family that
the network was trained on. Where an eye was not read by hand, the line before the move is that of
the stock networks, corrected by the readings: the error is then no accuracy; slope and scatter
hardly depend on it."""
_AGAIN: Final = f"""\
Root of the mean variance over five copies of each picture: turned by up to 6 degrees, shrunk to
0.7 at most, noise added; {_UNIT}."""
_RENDERS: Final = f"""\
This network alone: mean absolute error, {_UNIT}; iris in open eyes; visible share: absolute."""
_CONFIDENCE: Final = """\
Probability to be within 2 % of the eye's width: said, and come true. Half of the people held back
calibrate it, the other half is counted here."""


def model_card(figures: Mapping[str, Any], network: Path) -> str:
    """Write the card.

    Parameters
    ----------
    figures : mapping
        As `evaluate.report` returns them, with ``data``: checksums of the ``pictures``, number of
        ``labels``, ``seed``, ``steps``, and a ``note`` if something has to be known besides.
    network : Path
        The ONNX file.

    Returns
    -------
    str
        Markdown.
    """
    people, data = figures["people"], figures.get("data", {})
    parts = [
        "# eye_network",
        _INTRODUCTION,
        *([data["note"]] if data.get("note") else []),
        "## Facts",
        _table(
            ("fact", "value"),
            [
                ("SHA-256", f"`{hashlib.sha256(network.read_bytes()).hexdigest()}`"),
                ("bytes", network.stat().st_size),
                ("one eye, one thread", f"{figures['speed_ms']:.2f} ms"),
                (
                    "checksum of the pictures",
                    ", ".join(f"`{one}`" for one in data.get("pictures", [])),
                ),
                ("eyes read by hand, all", data.get("labels", 0)),
                ("seed, steps", f"{data.get('seed')}, {data.get('steps')}"),
                ("people not trained on", people["test"]),
                ("their eyes read by hand", people["test_eyes_by_hand"]),
                ("eyes of the calibration", people["calibration_eyes"]),
            ],
        ),
        "## Lids moved by known amounts",
        _MOVED_LIDS,
        _following(figures["following"], None),
        "### By width of the eye in the picture (law `lash`, lowered)",
        _following(figures["following"], "sizes"),
        "## Irises moved by known amounts",
        _table(
            ("method", "eyes", "slope x", "slope y", f"scatter, {_UNIT}"),
            [
                (
                    m,
                    row["eyes"],
                    f"{row['slope_x']:.3f}",
                    f"{row['slope_y']:.3f}",
                    f"{row['scatter']:.2f}",
                )
                for m, row in figures["iris"].items()
            ],
        ),
    ]
    parts += [
        "## The same eye again",
        _AGAIN,
        _table(
            ("method", "eyes", "upper", "lower", "opening"),
            [
                (m, row["eyes"], *(f"{row[key]:.2f}" for key in ("upper", "lower", "opening")))
                for m, row in figures["repeatability"].items()
            ],
        ),
        "## Renders of other seeds",
        _RENDERS,
        _table(
            ("eye, px", "eyes", *_RENDERED),
            [
                (row["eye_px"], row["eyes"], *(f"{row[key]:.2f}" for key in _RENDERED))
                for row in figures["renders"]
            ],
        ),
    ]
    if "confidence" in figures:
        parts += [
            "## Against readings by hand",
            f"Mean absolute error (bias, sd over eyes), {_UNIT}; iris: distance of the centre.",
            _hand(figures["hand"]),
            "## Confidence",
            _CONFIDENCE,
            _confidence(figures["confidence"]),
        ]
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _following(rows: Sequence[Mapping[str, Any]], which: str | None) -> str:
    chosen = [row for row in rows if (row["eye_px"] is not None) == (which == "sizes")]
    names: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in chosen:
        star = "*" if row["held_out"] else ""
        name = f"{row['eye_px']:.0f} px" if which else f"{row['law']}{star}, {row['move']}"
        names.setdefault(name, {})[row["method"]] = row
    head = ["", "people", *(f"{m}: slope (sd) / scatter / error" for m in METHODS)]
    return _table(
        head,
        [
            [name, by["own"]["people"], *(_followed(by[method]) for method in METHODS)]
            for name, by in names.items()
        ],
    )


def _followed(row: Mapping[str, Any]) -> str:
    return f"{row['slope']:.3f} ({row['slope_sd']:.3f}) / {row['scatter']:.2f} / {row['error']:.2f}"


def _hand(groups: Mapping[str, Any]) -> str:
    rows = []
    for name, group in groups.items():
        for method in METHODS:
            cells = [
                f"{one['mean_absolute']:.2f} ({one['bias']:+.2f}, {one['sd']:.2f})"
                if one["n"]
                else ""
                for one in (group[method][key] for key in ("upper", "lower", "opening", "iris"))
            ]
            rows.append([name, group["eyes"], method, *cells])
    return _table(("group", "eyes", "method", "upper", "lower", "opening", "iris"), rows)


def _confidence(table: Mapping[str, Any]) -> str:
    rows = []
    for name, one in table.items():
        bins = ", ".join(f"{row['said']:.2f}: {row['true']:.2f}" for row in one["bins"])
        rows.append((name, bins, f"{one['error']:.3f}"))
    return _table(("what", "said: come true", "mean gap"), rows)

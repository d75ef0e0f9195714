"""``python -m dmask_node.training``: make the data, train, export, evaluate; each step or all.

Needs the extra ``[train]`` for training and export; data and evaluation need none.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

import cv2
from rich.console import Console

from dmask_node.errors import DmaskError
from dmask_node.training.card import model_card
from dmask_node.training.evaluate import report
from dmask_node.training.labels.store import EyeLabel, read_labels
from dmask_node.training.portraits import (
    PortraitEye,
    checksum,
    correct_stock,
    measure_offset,
    read_eyes,
)
from dmask_node.training.reader import EyeReader
from dmask_node.training.samples import Samples, portrait_samples, render_samples

_CONSOLE: Final = Console(highlight=False, soft_wrap=True)
_LABELS: Final = Path(__file__).parent / "eye_labels"
_BLOCK: Final = 2000
"""Crops in a block; a block that is there is not made again."""


def main(arguments: list[str] | None = None) -> int:
    """Run the steps asked for; return 1 if something was refused."""
    asked = _parser().parse_args(arguments)
    cv2.setNumThreads(1)
    asked.out.mkdir(parents=True, exist_ok=True)
    steps = ("data", "train", "export", "evaluate") if asked.step == "all" else (asked.step,)
    try:
        for step in steps:
            _CONSOLE.print(f"{step} ...")
            {"data": _data, "train": _train, "export": _export, "evaluate": _evaluate}[step](asked)
    except DmaskError as error:
        _CONSOLE.print(f"{error.reason}: {error}. {error.hint}", markup=False)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dmask_node.training", description=__doc__)
    parser.add_argument("step", choices=("all", "data", "train", "export", "evaluate"))
    parser.add_argument(
        "--pictures", type=Path, action="append", default=[], help="folder of pictures; repeatable"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="work folder, outside of the project"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=12000, help="training steps of 64 crops")
    parser.add_argument("--renders", type=int, default=30000, help="crops of rendered eyes")
    parser.add_argument("--crops", type=int, default=40000, help="crops of photographed eyes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--people", type=int, default=0, help="evaluate on so many only; 0: all")
    return parser


def read_portraits(folders: list[Path], split: str) -> list[PortraitEye]:
    """Read the eyes of all folders; stock lines are corrected by what was read of other eyes."""
    labels = _labels()
    train = [eye for folder in folders for eye in read_eyes(folder, labels, "train")]
    offset = measure_offset(train)
    if split == "train":
        return correct_stock(train, offset)
    return correct_stock(
        [eye for folder in folders for eye in read_eyes(folder, labels, "test")], offset
    )


def _labels() -> list[EyeLabel]:
    return read_labels(sorted(_LABELS.glob("*.jsonl")))


def _data(asked: argparse.Namespace) -> None:
    """Make blocks of crops."""
    folder = asked.out / "data"
    folder.mkdir(exist_ok=True)
    for start in range(0, asked.renders, _BLOCK):
        file = folder / f"render-{asked.seed:03d}-{start:06d}.npz"
        if not file.exists():
            n = min(_BLOCK, asked.renders - start)
            render_samples(n, asked.seed * 1_000_000 + start).save(file)
    if not asked.pictures:
        return
    eyes = read_portraits(asked.pictures, "train")
    _CONSOLE.print(f"{len(eyes)} eyes to train on, {sum(eye.by_hand for eye in eyes)} read by hand")
    for start in range(0, asked.crops, _BLOCK):
        file = folder / f"portrait-{asked.seed:03d}-{start:06d}.npz"
        if not file.exists():
            n = min(_BLOCK, asked.crops - start)
            portrait_samples(eyes, n, asked.seed * 1_000_000 + start).save(file)


def _train(asked: argparse.Namespace) -> None:
    """Train on all blocks."""
    from dmask_node.training.train import TrainSettings, train

    files = sorted((asked.out / "data").glob(f"*-{asked.seed:03d}-*.npz"))
    settings = TrainSettings(steps=asked.steps, seed=asked.seed, threads=asked.threads)
    train(Samples.load(files), _seed_folder(asked), settings)


def _export(asked: argparse.Namespace) -> None:
    """Write the ONNX file."""
    import torch

    from dmask_node.training.export import export
    from dmask_node.training.network import EyeNetwork

    network = EyeNetwork()
    network.load_state_dict(torch.load(_seed_folder(asked) / "network.pt", weights_only=True))
    export(network.eval(), _seed_folder(asked) / "eye.onnx")


def _evaluate(asked: argparse.Namespace) -> None:
    """Write ``figures.json``, ``calibration.json`` and ``card.md`` beside the network."""
    folder = _seed_folder(asked)
    test = read_portraits(asked.pictures, "test")
    if asked.people:
        chosen = sorted({eye.sha256 for eye in test})[: asked.people]
        test = [eye for eye in test if eye.sha256 in chosen or eye.by_hand]
    file = folder / "eye.onnx"
    figures = report(EyeReader(file), test)
    figures["data"] = {
        "pictures": [checksum(one) for one in asked.pictures],
        "labels": len(_labels()),
        "seed": asked.seed,
        "steps": asked.steps,
    }
    (folder / "figures.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    (folder / "card.md").write_text(model_card(figures, file), encoding="utf-8")


def _seed_folder(asked: argparse.Namespace) -> Path:
    return Path(asked.out) / f"seed-{asked.seed:03d}"


if __name__ == "__main__":
    sys.exit(main())

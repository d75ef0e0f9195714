"""``python -m dmask_node.rebuild``: rebuild what ships and say whether it is the same."""

import argparse
import hashlib
import sys
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from dmask_node.errors import DmaskError
from dmask_node.models.store import digests, read_model_file
from dmask_node.rebuild.compare import input_shape, output_difference, random_images
from dmask_node.rebuild.face_model.build import build_face_model, write_arrays
from dmask_node.rebuild.face_model.compare import compare_models
from dmask_node.rebuild.networks import NETWORKS, rebuild_network
from dmask_node.rebuild.ps315 import differing_files, rebuild_ps315

FACE_MODEL = "face_model"
PS315 = "ps315"
NAMES = (*NETWORKS, FACE_MODEL, PS315)
_SHIPPED_DATA = Path(__file__).parents[1] / "data"


def main(arguments: list[str] | None = None) -> int:
    """Rebuild what is asked for; return 1 if what was compared differs from what ships."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    unknown = set(asked.names) - set(NAMES)
    if unknown:
        parser.error(f"nothing of that name: {', '.join(sorted(unknown))}")
    console = Console()
    same = True
    try:
        for name in asked.names or NAMES:
            console.print(f"[bold]{name}[/]")
            if name == FACE_MODEL:
                same &= _face_model(asked, console)
            elif name == PS315:
                same &= _ps315(asked, console)
            else:
                same &= _network(name, asked, console)
    except DmaskError as error:
        console.print(f"[red]{error.reason}[/]: {error}. {error.hint}", highlight=False)
        return 1
    return 0 if same else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dmask_node.rebuild", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"{', '.join(NAMES[:-1])} or {NAMES[-1]}; default: all",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the rebuilt files")
    parser.add_argument(
        "--cache", type=Path, default=Path(".cache/wheels"), help="folder for wheels (%(default)s)"
    )
    parser.add_argument("--compare", action="store_true", help="compare with the shipped files")
    return parser


def _network(name: str, asked: argparse.Namespace, console: Console) -> bool:
    file = f"networks/{name}.onnx"
    rebuilt = rebuild_network(name, asked.cache)
    _write(asked.out / file, rebuilt, file, console)
    if not asked.compare:
        return True
    images = random_images(input_shape(rebuilt), seed=0)
    difference = output_difference(rebuilt, read_model_file(file), images)
    console.print(f"  largest difference in output: {difference:g}")
    return difference == 0.0


def _face_model(asked: argparse.Namespace, console: Console) -> bool:
    def progress(numbers: Iterable[int], what: str) -> Iterable[int]:
        return track(list(numbers), description=f"  {what}", console=console)

    file = "face/face_model.npz"
    with console.status("  random heads and their principal components"):
        built = build_face_model(asked.cache, progress)
    _write(asked.out / file, write_arrays(built.arrays), file, console)
    error = built.embedding_error
    console.print(f"  variance kept by the identity basis: {built.variance_kept:.4f}")
    console.print(
        f"  landmarks on heads not used: mean {error.mean_mm:.2f}, median {error.median_mm:.2f}, "
        f"95 % {error.p95_mm:.2f} mm; lid margins {error.lid_margin_mean_mm:.2f} mm; "
        f"systematic {error.systematic_mm:.2f} mm; no face seen in {built.views_lost} views"
    )
    if not asked.compare:
        return True
    with np.load(BytesIO(read_model_file(file))) as stored:
        difference = compare_models(built.arrays, {name: stored[name] for name in stored.files})
    console.print(f"  {'equal to' if difference.equal else 'differs from'} the shipped model")
    console.print(f"  {difference}", highlight=False)
    return difference.equal


def _ps315(asked: argparse.Namespace, console: Console) -> bool:
    built = rebuild_ps315(asked.cache)
    for name, data in built.items():
        path = asked.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        console.print(f"  {path} {len(data)} bytes", highlight=False)
    if not asked.compare:
        return True
    differing = differing_files(built, _SHIPPED_DATA)
    console.print(f"  not as shipped: {', '.join(differing)}" if differing else "  as shipped")
    return not differing


def _write(path: Path, data: bytes, file: str, console: Console) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    same = "the shipped file" if digest == digests()[file] else "not the shipped file's"
    console.print(f"  {path} {len(data)} bytes, SHA-256 {digest} ({same})", highlight=False)


if __name__ == "__main__":
    sys.exit(main())

"""``dmask bench``: how fast the whole path is, and how fast composing is, beside named peers."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from dmask_node.bench.deid import COMPOSE, COPY, PEER_PACKAGE, TABLE, DeidBench, bench_deid
from dmask_node.bench.path import bench
from dmask_node.cli.output import ConfigOption, JsonOption, answer, errors_told
from dmask_node.config import load_settings
from dmask_node.deidentify.keys import MasterKey
from dmask_node.demo.sample import sample_video
from dmask_node.parts import build_parts


class _PathByDefault(TyperGroup):
    """``dmask bench`` and ``dmask bench CLIP`` mean ``dmask bench path``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("--help", "-h")):
            args = ["path", *args]
        return super().parse_args(ctx, args)


bench_app = typer.Typer(
    cls=_PathByDefault, help="Time the node beside named peers, in one run.", no_args_is_help=False
)


@bench_app.command("path")
def bench_clip(
    clip: Annotated[Path | None, typer.Argument(help="Video or DICOM file with a face.")] = None,
    enlarge: Annotated[
        int, typer.Option(min=1, max=16, help="Make the pictures so many times as large first.")
    ] = 1,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Time every stage on a clip, beside the same clip merely decoded and encoded again.

    Example: dmask bench path clip.mp4 --enlarge 5
    """
    with errors_told(as_json=as_json):
        settings = load_settings(config)
        parts = build_parts(settings, master_key=MasterKey.passing())  # nothing of it is kept
        result = bench(clip or sample_video(), parts, enlarge)
    numbers = {
        "frames": result.frames,
        "source_size": list(result.source_size),
        "masked_size": list(result.masked_size),
        "path_fps": round(result.path_fps, 2),
        "pass_through_fps": round(result.pass_through_fps, 2),
        "share_of_limit": round(result.share_of_limit, 4),
        "stage_ms_per_frame": {
            name: round(1000 * seconds / result.frames, 2)
            for name, seconds in result.stage_seconds.items()
        },
        "peak_memory_mib": round(result.peak_memory_bytes / 2**20, 1),
        "machine": result.machine,
    }

    def tell(shown: Console) -> None:
        columns, rows = result.source_size
        shown.print(f"{result.frames} frames, {columns} x {rows}, on {result.machine}")
        table = Table("stage", "ms a frame", "frames/s", box=None)
        for name, seconds in result.stage_seconds.items():
            each = 1000 * seconds / result.frames
            table.add_row(name, f"{each:.2f}", f"{1000 / each:.0f}" if each > 0 else "")
        table.add_row("whole path", f"{1000 / result.path_fps:.2f}", f"{result.path_fps:.1f}")
        limit = result.pass_through_fps
        table.add_row("decode and encode only", f"{1000 / limit:.2f}", f"{limit:.1f}")
        shown.print(table)
        share = f"{result.share_of_limit:.1%} of the physical limit"
        shown.print(f"{share}, peak memory {result.peak_memory_bytes / 2**20:.0f} MiB")

    answer(numbers, as_json=as_json, tell=tell)


@bench_app.command("deid")
def bench_composing(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Time composing an object from a source header, beside libraries given the same header.

    The peers are pydicom, which merely reads and writes it, and dicom-anonymizer (from PyPI, where
    it is installed), which cleans it by the table of PS3.15. Example: dmask bench deid --json
    """
    with errors_told(as_json=as_json):
        result = bench_deid(load_settings(config))
    answer(_numbers(result), as_json=as_json, tell=lambda shown: _tell(result, shown))


def _numbers(result: DeidBench) -> dict[str, object]:
    return {
        "headers": [
            {
                "header": times.header,
                "elements": times.elements,
                "ms": {what: round(1000 * s, 3) for what, s in times.seconds.items()},
                "times_as_long": {
                    peer: round(ratio, 2)
                    for peer in (COPY, TABLE)
                    if (ratio := times.ratio(peer)) is not None
                },
            }
            for times in result.times
        ],
        "machine": result.machine,
    }


def _tell(result: DeidBench, shown: Console) -> None:
    shown.print(f"milliseconds an object, best of many, on {result.machine}")
    table = Table("source header", "elements", COMPOSE, COPY, TABLE, box=None)
    for times in result.times:
        each = [
            f"{1000 * times.seconds[what]:.2f}" if what in times.seconds else "not installed"
            for what in (COMPOSE, COPY, TABLE)
        ]
        table.add_row(times.header, str(times.elements), *each)
    shown.print(table)
    if all(times.ratio(TABLE) is None for times in result.times):
        shown.print(f"for the third peer: pip install {PEER_PACKAGE}")

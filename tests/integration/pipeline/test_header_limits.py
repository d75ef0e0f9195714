"""A header that the last gate could not search is refused before any other work."""

from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from dmask_node.check.harvest import HeaderTooLarge
from dmask_node.config import load_settings
from dmask_node.events import Event, StageFailed, StageFinished
from dmask_node.parts import build_parts
from dmask_node.pipeline import mask_instance
from tests.factories import a_header, a_video_instance
from tests.nodes import a_key


class Stages:
    """Listens to which stages ended."""

    required = True

    def __init__(self) -> None:
        self.ended: list[str] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, (StageFinished, StageFailed)):
            self.ended.append(f"{event.stage} {type(event).__name__}")


def a_long_header() -> Dataset:
    """Of few elements, but five million characters of text."""
    header = a_header(PatientName="Kowalska^Maria")
    items = [Dataset() for _ in range(80)]
    for number, item in enumerate(items):
        item.TextValue = f"{number} Kowalska " * 5000
    header.ReferencedStudySequence = Sequence(items)
    return header


def test_it_is_refused_before_a_frame_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DMASK_NODE__STATE_DIR", str(tmp_path / "state"))
    a_key(tmp_path / "state")
    source = a_video_instance(tmp_path / "s.dcm", header=a_long_header())
    stages = Stages()
    with pytest.raises(HeaderTooLarge) as refusal:
        mask_instance("job", source, tmp_path, build_parts(load_settings(None)), [stages])
    assert stages.ended == ["decode StageFailed"]
    assert "Kowalska" not in str(refusal.value)

"""The pipeline tells; only a required listener can stop a job."""

import pytest

from dmask_node.errors import Permanent
from dmask_node.events import (
    Event,
    StageAdvanced,
    StageFailed,
    StageFinished,
    StageStarted,
    Timed,
    advancing,
    stage,
)


class Notes:
    """Keeps what it is told; breaks if asked to."""

    def __init__(self, *, required: bool = False, broken: bool = False) -> None:
        self.required = required
        self.broken = broken
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        """Keep one event."""
        if self.broken:
            raise OSError("no room for PLANTED^NAME")
        self.events.append(event)


class BadLuck(Permanent):
    """For the tests."""

    reason = "bad_luck"


def test_a_stage_tells_its_begin_its_end_and_its_facts() -> None:
    notes = Notes()
    with stage([notes], "job", "fit") as facts:
        facts["frames"] = 3
    started, finished = notes.events
    assert started == StageStarted(job_id="job", stage="fit")
    assert isinstance(finished, StageFinished)
    assert finished.facts == {"frames": 3}
    assert finished.seconds >= 0


@pytest.mark.parametrize(
    ("error", "reason"), [(BadLuck("x"), "bad_luck"), (KeyError("PLANTED"), "internal_error")]
)
def test_a_failed_stage_tells_class_and_reason_and_no_message(
    error: Exception, reason: str
) -> None:
    notes = Notes()
    with pytest.raises(type(error)), stage([notes], "job", "fit"):
        raise error
    failed = notes.events[-1]
    assert isinstance(failed, StageFailed)
    assert (failed.error, failed.reason) == (type(error).__name__, reason)
    assert "PLANTED" not in repr(failed)


def test_a_broken_listener_is_passed_over_and_named_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    notes = Notes()
    with stage([Notes(broken=True), notes], "job", "fit"):
        pass
    assert len(notes.events) == 2
    assert "Notes OSError" in caplog.text
    assert "PLANTED" not in caplog.text


def test_a_broken_required_listener_stops_the_job_before_the_stage_runs() -> None:
    ran = False
    with (
        pytest.raises(OSError, match="no room"),
        stage([Notes(required=True, broken=True)], "j", "s"),
    ):
        ran = True
    assert not ran


def test_advancing_hands_every_item_on_and_counts() -> None:
    notes = Notes()
    assert list(advancing([notes], "job", "render", "abc", 3)) == ["a", "b", "c"]
    assert notes.events[-1] == StageAdvanced(job_id="job", stage="render", done=3, total=3)
    assert len(notes.events) == 3


def test_timed_adds_up_only_what_making_the_items_took(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 2.0, 10.0, 13.0, 20.0, 20.5])
    monkeypatch.setattr("dmask_node.events.monotonic", lambda: next(clock))
    timed = Timed(iter("ab"))
    assert list(timed) == ["a", "b"]
    assert timed.seconds == 5.5

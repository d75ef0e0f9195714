"""What may be deleted, and when."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmask_node.records.jobs import Job, JobState
from dmask_node.spool.retention import expired

HOUR = 3600.0
FORWARDED = Job(
    key="k",
    state=JobState.FORWARDED,
    run=0,
    received_at=0.0,
    updated_at=0.0,
    size_bytes=1,
    sha256="",
    sop_class_uid="",
    transfer_syntax_uid="",
    calling_ae_title="",
    times_received=1,
    attempts=1,
    worker_deaths=0,
    reason="",
    hint="",
    stage="",
    stage_done=0,
    stage_total=None,
    forwarded_at=100 * HOUR,
    purged_at=None,
)


@pytest.mark.parametrize(
    ("now_h", "keep_h", "goes"),
    [(171.9, 72.0, False), (172.0, 72.0, True), (100.0, 0.0, True), (99.0, 0.0, False)],
)
def test_files_go_when_they_were_kept_long_enough(now_h: float, keep_h: float, goes: bool) -> None:
    assert expired([FORWARDED], now_h * HOUR, keep_h) == (("k",) if goes else ())


@given(
    st.sampled_from(sorted(set(JobState) - {JobState.FORWARDED})),
    st.floats(0, 1e12),
    st.floats(0, 1e5),
)
def test_only_what_every_destination_has_taken_may_go(
    state: JobState, now: float, keep_hours: float
) -> None:
    assert expired([replace(FORWARDED, state=state)], now, keep_hours) == ()

"""The job state machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmask_node.records.jobs import JobEvent, JobState
from dmask_node.spool.states import FINAL, FIRST, TRANSITIONS, ImpossibleTransition, after


def test_every_state_has_a_way_out_the_final_one_by_being_sent_again_only() -> None:
    left = {state for state, _ in TRANSITIONS}
    assert left == set(JobState)
    assert [event for state, event in TRANSITIONS if state is FINAL] == [JobEvent.RETRIED]


def test_every_state_can_be_reached() -> None:
    reached = set(FIRST)
    while True:
        more = {to for (state, _), to in TRANSITIONS.items() if state in reached} - reached
        if not more:
            break
        reached |= more
    assert reached == set(JobState)


def test_nothing_is_forwarded_that_was_not_masked() -> None:
    before = {state for (state, _), to in TRANSITIONS.items() if to is JobState.FORWARDED}
    assert before == {JobState.MASKED}


def test_nothing_is_purged_but_what_was_forwarded_or_given_up_by_a_person() -> None:
    before = {step for step, to in TRANSITIONS.items() if to is JobState.PURGED}
    assert before == {
        (JobState.FORWARDED, JobEvent.EXPIRED),
        (JobState.QUARANTINED, JobEvent.DISCARDED),
    }


def test_an_impossible_step_names_those_that_are_possible() -> None:
    with pytest.raises(ImpossibleTransition, match=r"claimed from forwarded; allowed: .*expired"):
        after(JobState.FORWARDED, JobEvent.CLAIMED)


@given(st.lists(st.sampled_from(JobEvent), max_size=30))
def test_whatever_happens_a_forwarded_job_has_stood_at_masked(events: list[JobEvent]) -> None:
    state, been = JobState.RECEIVED, [JobState.RECEIVED]
    for event in events:
        try:
            state = after(state, event)
        except ImpossibleTransition:
            continue
        been.append(state)
    if JobState.FORWARDED in been:
        assert been[been.index(JobState.FORWARDED) - 1] is JobState.MASKED

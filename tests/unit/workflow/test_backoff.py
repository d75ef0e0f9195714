"""Pauses between tries."""

from hypothesis import given
from hypothesis import strategies as st

from dmask_node.workflow.backoff import pause_s


def test_pauses_double_up_to_the_limit() -> None:
    assert [pause_s(n, 5.0, 1800.0) for n in range(1, 11)] == [
        5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 1280.0, 1800.0,
    ]  # fmt: skip


@given(st.integers(1, 10**6), st.floats(0.1, 3600), st.floats(0.1, 86400))
def test_a_pause_is_never_longer_than_the_limit(attempts: int, base: float, limit: float) -> None:
    assert 0 < pause_s(attempts, base, limit) <= limit

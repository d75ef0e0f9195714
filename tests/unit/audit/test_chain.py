"""The hash chain."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmask_node.audit.chain import GENESIS, FactRefused, canonical, digest, seal, verify


def lines(count: int) -> list[bytes]:
    chain, prev = [], GENESIS
    for seq in range(1, count + 1):
        record = seal(
            seq=seq,
            prev=prev,
            time="2026-01-01T00:00:00+00:00",
            node="n",
            software="s",
            event="received",
            job=f"job{seq}",
            outcome="ok",
            facts={"size_bytes": seq},
        )
        prev = record["hash"]
        chain.append(canonical(record) + b"\n")
    return chain


CHAIN = lines(8)


def head_of(line: bytes) -> tuple[int, str]:
    import json

    record: dict[str, Any] = json.loads(line)
    return record["seq"], record["hash"]


HEAD = head_of(CHAIN[-1])


def test_a_whole_chain_has_no_fault() -> None:
    assert verify(CHAIN, HEAD) is None
    assert verify([], None) is None


@given(st.integers(0, 7), st.data())
def test_a_flipped_bit_is_found_at_its_line(which: int, data: st.DataObject) -> None:
    line = bytearray(CHAIN[which])
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] ^= 1 << data.draw(st.integers(0, 7))
    broken = b"".join([*CHAIN[:which], bytes(line), *CHAIN[which + 1 :]])
    fault = verify(broken.splitlines(keepends=True), HEAD)
    assert fault is not None
    assert fault.line == which + 1


@given(st.integers(0, 6))
def test_a_dropped_line_is_found_at_the_next(which: int) -> None:
    fault = verify([*CHAIN[:which], *CHAIN[which + 1 :]], HEAD)
    assert fault is not None
    assert fault.line == which + 1


@given(st.integers(0, 7), st.integers(0, 7))
def test_swapped_lines_are_found(one: int, other: int) -> None:
    swapped = list(CHAIN)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    fault = verify(swapped, HEAD)
    assert (fault is None) is (one == other)


@given(st.integers(0, 7))
def test_records_cut_off_at_the_end_are_found_by_the_head(kept: int) -> None:
    assert verify(CHAIN[:kept], None) is None  # the chain alone can't tell
    fault = verify(CHAIN[:kept], HEAD)
    assert fault is not None
    assert fault.what == f"{8 - kept} records were cut off at the end"


def test_a_repeated_line_is_found() -> None:
    fault = verify([*CHAIN[:3], CHAIN[2], *CHAIN[3:]], HEAD)
    assert fault is not None
    assert fault.line == 4


def test_a_chain_made_anew_from_some_point_on_is_found_by_a_head_within_it() -> None:
    import json

    record: dict[str, Any] = json.loads(CHAIN[-1])
    record["job"] = "other"
    record["hash"] = digest(record)
    forged = [*CHAIN[:-1], canonical(record) + b"\n"]
    assert verify(forged, None) is None
    assert verify(forged, HEAD) is not None


def test_a_head_that_is_behind_is_no_fault() -> None:
    assert verify(CHAIN, head_of(CHAIN[3])) is None


@pytest.mark.parametrize(
    "facts",
    [
        {"patient_name": "x"},
        {"reason": "DOE^JANE"},
        {"reason": "x" * 200},
        {"stage": "Łukasz"},
    ],
)
def test_a_fact_that_may_not_stand_there_is_refused_and_not_quoted(facts: dict[str, str]) -> None:
    with pytest.raises(FactRefused) as caught:
        seal(
            seq=1,
            prev=GENESIS,
            time="t",
            node="n",
            software="s",
            event="e",
            job="",
            outcome="ok",
            facts=facts,
        )
    assert not any(value in str(caught.value) for value in facts.values() if len(value) > 1)

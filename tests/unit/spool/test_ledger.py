"""The ledger, on a real SQLite file."""

import sqlite3
import threading
from pathlib import Path

import pytest

from dmask_node.errors import Permanent, Transient
from dmask_node.records.jobs import DeliveryState, JobEvent, JobState, StoredOutput
from dmask_node.spool.ledger import IdentityConflict, Ledger, LedgerBusy, LedgerForeign, NoSuchJob
from dmask_node.spool.states import ImpossibleTransition


class _PassingFault(Transient):
    reason = "passing"


class _LastingFault(Permanent):
    reason = "lasting"
    hint = "Look at it."


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def enter(ledger: Ledger, key: str = "k1", **more: object) -> str:
    ledger.receive(
        key=key,
        instance_digest="d" * 32,
        sha256="a" * 64,
        size_bytes=7,
        sop_class_uid="1.2.3",
        transfer_syntax_uid="1.2.4",
        calling_ae_title="CAMERA",
        **more,  # type: ignore[arg-type]
    )
    return key


def an_output(role: str = "video") -> StoredOutput:
    return StoredOutput(
        audience="default@x",
        role=role,
        file=f"gated/k1/default@x/{role}.dcm",
        sop_class_uid="1.2",
        sop_instance_uid=f"2.25.{len(role)}",
        transfer_syntax_uid="1.2.3",
        sha256="b" * 64,
        size_bytes=3,
    )


OUTPUTS = (an_output("video"), an_output("report"))


def masked(ledger: Ledger, *destinations: str) -> str:
    key = enter(ledger)
    ledger.claim(key, "w1")
    ledger.compose(key, OUTPUTS, dict.fromkeys(destinations, "default@x"))
    return key


def test_a_commit_survives_a_power_cut_by_its_settings(ledger: Ledger) -> None:
    assert ledger._connection.execute("pragma journal_mode").fetchone()[0] == "delete"
    assert ledger._connection.execute("pragma synchronous").fetchone()[0] == 3  # EXTRA


def test_the_ledger_is_readable_by_its_owner_alone(ledger: Ledger) -> None:
    assert ledger.path.stat().st_mode & 0o777 == 0o600


def test_an_instance_goes_its_way(ledger: Ledger) -> None:
    key = masked(ledger, "archive")
    assert not ledger.deliver(key, ("default@x", "video"), "archive", 0)
    assert ledger.job(key).state is JobState.MASKED
    assert ledger.deliver(key, ("default@x", "report"), "archive", 0)
    job = ledger.job(key)
    assert job.state is JobState.FORWARDED
    assert job.forwarded_at is not None
    assert [o.role for o in job.outputs] == ["video", "report"]


def test_a_change_whose_record_fails_has_not_happened(ledger: Ledger) -> None:
    def fail() -> None:
        raise _PassingFault

    with pytest.raises(_PassingFault):
        enter(ledger, before_commit=fail)
    assert ledger.find("k1") is None
    key = masked(ledger, "archive")
    with pytest.raises(_PassingFault):
        ledger.deliver(key, ("default@x", "video"), "archive", 0, before_commit=fail)
    assert ledger.job(key).deliveries[0].state is DeliveryState.PENDING


def test_one_job_is_claimed_by_one_worker_and_deaths_are_counted(ledger: Ledger) -> None:
    key = enter(ledger)
    first = ledger.claim(key, "w1")
    assert first is not None
    assert first.worker_deaths == 0
    again = ledger.claim(key, "w1")  # the same process comes back to it: nobody has died
    assert again is not None
    assert (again.worker_deaths, again.attempts) == (0, 2)
    other = ledger.claim(key, "w2")
    assert other is not None
    assert other.worker_deaths == 1
    ledger.compose(key, OUTPUTS, {"archive": "default@x"})
    assert ledger.claim(key, "w2") is None


def test_a_retry_begins_anew_but_does_not_forget_what_was_delivered(ledger: Ledger) -> None:
    key = masked(ledger, "a", "b")
    ledger.deliver(key, ("default@x", "video"), "a", 0)
    ledger.deliver(key, ("default@x", "report"), "a", 0)
    ledger.attempted(key, "b", _LastingFault(), 0xA900)
    ledger.advance(key, JobEvent.FAILED_PERMANENT, error=_LastingFault())
    job = ledger.job(key)
    assert (job.state, job.reason, job.hint) == (JobState.QUARANTINED, "lasting", "Look at it.")
    assert {d.state for d in job.deliveries if d.destination == "b"} == {DeliveryState.REFUSED}
    ledger.advance(key, JobEvent.RETRIED)
    job = ledger.job(key)
    assert (job.state, job.run, job.reason, job.attempts) == (JobState.RECEIVED, 1, "", 0)
    states = {(d.destination, d.role): d.state for d in job.deliveries}
    assert states["a", "video"] is DeliveryState.DELIVERED
    assert states["b", "video"] is DeliveryState.PENDING


def test_what_went_everywhere_before_a_retry_is_forwarded_once_it_is_composed_again(
    ledger: Ledger,
) -> None:
    key = masked(ledger, "a")
    ledger.advance(key, JobEvent.FAILED_PERMANENT, error=_LastingFault())
    for role in ("video", "report"):  # another destination's failure must not stop this one
        assert not ledger.deliver(key, ("default@x", role), "a", 0)
    assert ledger.job(key).state is JobState.QUARANTINED
    ledger.advance(key, JobEvent.RETRIED)
    ledger.claim(key, "w1")
    ledger.compose(key, OUTPUTS, {"a": "default@x"})
    assert ledger.job(key).state is JobState.FORWARDED


def test_a_refused_instance_begins_in_quarantine(ledger: Ledger) -> None:
    enter(ledger, refused=_LastingFault())
    job = ledger.job("k1")
    assert (job.state, job.reason) == (JobState.QUARANTINED, "lasting")


def test_a_step_that_the_table_does_not_have_changes_nothing(ledger: Ledger) -> None:
    enter(ledger)
    with pytest.raises(ImpossibleTransition):
        ledger.advance("k1", JobEvent.EXPIRED)
    assert ledger.job("k1").state is JobState.RECEIVED


def test_an_unknown_key_is_told(ledger: Ledger) -> None:
    with pytest.raises(NoSuchJob):
        ledger.advance("nothing", JobEvent.CLAIMED)
    assert ledger.find("nothing") is None


def test_progress_can_be_read_by_another_connection(ledger: Ledger) -> None:
    enter(ledger)
    ledger.progress("k1", "render", 12, 120)
    job = Ledger(ledger.path).job("k1")
    assert (job.stage, job.stage_done, job.stage_total) == ("render", 12, 120)


def test_jobs_are_listed_by_state_the_oldest_first(ledger: Ledger) -> None:
    for key in ("k1", "k2", "k3"):
        enter(ledger, key)
    ledger.claim("k2", "w")
    assert [j.key for j in ledger.jobs(JobState.RECEIVED)] == ["k1", "k3"]
    assert ledger.runs(JobState.RECEIVED) == (("k1", 0), ("k3", 0))
    assert ledger.counts() == {JobState.RECEIVED: 2, JobState.MASKING: 1}
    assert [j.key for j in ledger.jobs(limit=2)] == ["k2", "k3"]


def test_writers_in_two_connections_take_turns(ledger: Ledger) -> None:
    enter(ledger)
    other = Ledger(ledger.path)

    def count(which: Ledger) -> None:
        for _ in range(25):
            which.receive_again("k1")

    threads = [threading.Thread(target=count, args=(which,)) for which in (ledger, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.job("k1").times_received == 51


def test_a_ledger_locked_for_too_long_is_busy_not_broken(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite", busy_timeout_s=0.05)
    blocker = sqlite3.connect(ledger.path, isolation_level=None)
    blocker.execute("begin exclusive")
    with pytest.raises(LedgerBusy):
        enter(ledger)
    blocker.execute("rollback")
    enter(ledger)


def test_another_file_is_no_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"this is something else entirely" * 50)
    with pytest.raises(LedgerForeign):
        Ledger(path)


def test_a_ledger_of_another_version_is_left_alone(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger._connection.execute("pragma user_version = 99")
    with pytest.raises(LedgerForeign, match="version 99, not 2"):
        Ledger(ledger.path)


def being_masked(ledger: Ledger, key: str) -> str:
    enter(ledger, key)
    ledger.claim(key, "w1")
    return key


def test_a_study_keeps_the_epoch_of_its_first_instance(ledger: Ledger) -> None:
    first, second, other = (being_masked(ledger, key) for key in ("k1", "k2", "k3"))
    assert ledger.pin_study(first, "study", "patient", "1") == "1"
    assert ledger.pin_study(second, "study", "patient", "2") == "1"
    assert ledger.pin_study(other, "another study", "patient", "2") == "2"
    assert ledger.pin_study(first, "study", "patient", "3") == "1"


def test_a_study_keeps_its_epoch_when_its_first_instance_is_long_gone(ledger: Ledger) -> None:
    key = masked(ledger, "a")
    ledger.pin_study(key, "study", "patient", "1")
    for output in OUTPUTS:
        ledger.deliver(key, (output.audience, output.role), "a", 0)
    ledger.advance(key, JobEvent.EXPIRED)
    assert ledger.pin_study(being_masked(ledger, "k2"), "study", "patient", "2") == "1"


def test_two_patients_in_one_study_are_a_conflict(ledger: Ledger) -> None:
    ledger.pin_study(being_masked(ledger, "k1"), "study", "patient", "1")
    with pytest.raises(IdentityConflict):
        ledger.pin_study(being_masked(ledger, "k2"), "study", "another", "1")
    ledger.pin_study(being_masked(ledger, "k3"), "study", "patient", "1")


def test_what_was_sent_counts_even_when_its_files_are_gone(ledger: Ledger) -> None:
    key = masked(ledger, "a")
    ledger.pin_study(key, "study", "patient", "1")
    for output in OUTPUTS:
        ledger.deliver(key, (output.audience, output.role), "a", 0)
    ledger.advance(key, JobEvent.EXPIRED)
    with pytest.raises(IdentityConflict):
        ledger.pin_study(being_masked(ledger, "k2"), "study", "another", "1")


def test_an_instance_in_quarantine_does_not_keep_the_right_patient_out(ledger: Ledger) -> None:
    wrong = being_masked(ledger, "k1")
    ledger.pin_study(wrong, "study", "wrong patient", "1")
    ledger.advance(wrong, JobEvent.FAILED_PERMANENT, error=_LastingFault())
    assert ledger.pin_study(being_masked(ledger, "k2"), "study", "patient", "1") == "1"
    ledger.advance(wrong, JobEvent.RETRIED)
    ledger.claim(wrong, "w1")
    with pytest.raises(IdentityConflict):
        ledger.pin_study(wrong, "study", "wrong patient", "1")

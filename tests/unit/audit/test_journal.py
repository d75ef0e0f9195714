"""The journal on disk."""

import multiprocessing
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from dmask_node.audit.chain import FactRefused
from dmask_node.audit.journal import Journal, JournalUnwritable
from dmask_node.audit.listener import AuditListener
from dmask_node.events import stage


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "audit", "node1")


def write(journal: Journal, count: int) -> None:
    for number in range(count):
        journal.append("received", f"job{number}", "ok", {"count": number})


def test_records_are_chained_and_counted(journal: Journal) -> None:
    write(journal, 3)
    records = list(journal.records())
    assert [r["seq"] for r in records] == [1, 2, 3]
    assert records[2]["prev"] == records[1]["hash"]
    assert records[0]["node"] == "node1"
    assert journal.verify() is None


def test_the_journal_is_readable_by_its_owner_alone(journal: Journal) -> None:
    write(journal, 1)
    assert journal.path.stat().st_mode & 0o777 == 0o600
    assert journal.folder.stat().st_mode & 0o777 == 0o700


def test_four_processes_that_write_at_once_leave_a_whole_chain(journal: Journal) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=write, args=(journal, 25)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert journal.verify() is None
    assert [r["seq"] for r in journal.records()] == list(range(1, 101))


def test_an_end_torn_by_a_crash_is_kept_aside_and_told(journal: Journal) -> None:
    write(journal, 2)
    whole = journal.path.read_bytes()
    torn = whole[: len(whole) // 2 + 40][len(whole) // 2 :]
    with journal.path.open("ab") as file:
        file.write(torn)
    journal.append("received", "job9", "ok")
    assert journal.verify() is None
    events = [r["event"] for r in journal.records()]
    assert events == ["received", "received", "journal_repaired", "received"]
    assert (journal.folder / "torn-3.bin").read_bytes() == torn
    assert list(journal.records())[2]["facts"]["bytes"] == len(torn)


def test_a_writer_killed_again_and_again_leaves_a_journal_that_can_be_verified(
    journal: Journal,
) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom dmask_node.audit.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]), 'node1')\n"
        "while True:\n    journal.append('received', 'job', 'ok', {'count': 1})\n"
        "    print(flush=True)\n"
    )
    for _ in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", program, str(journal.folder)], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        for _ in range(20):
            writer.stdout.readline()
        writer.kill()
        writer.communicate()
    journal.append("node_started", "", "ok")
    assert journal.verify() is None
    assert len(list(journal.records())) >= 81


def test_a_line_changed_on_disk_is_found_also_after_more_was_written(journal: Journal) -> None:
    write(journal, 3)
    content = journal.path.read_bytes()
    journal.path.write_bytes(content.replace(b'"job2"', b'"job7"'))
    write(journal, 1)
    fault = journal.verify()
    assert fault is not None
    assert fault.line == 3


@pytest.mark.parametrize("keep", [0, 1, 2])
def test_records_cut_off_are_found(journal: Journal, keep: int) -> None:
    write(journal, 3)
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(b"".join(lines[:keep]))
    fault = journal.verify()
    assert fault is not None
    assert f"{3 - keep} records were cut off" in fault.what


def test_a_journal_or_head_that_was_taken_away_is_found(journal: Journal) -> None:
    write(journal, 3)
    (journal.folder / "head").unlink()
    assert journal.verify() is not None
    write(journal, 1)
    assert journal.verify() is None
    journal.path.unlink()
    assert journal.verify() is not None


def test_a_fact_not_on_the_list_is_refused_and_nothing_is_written(journal: Journal) -> None:
    with pytest.raises(FactRefused):
        journal.append("received", "job", "ok", {"patient_id": "4711"})
    assert list(journal.records()) == []


def _fill(folder: Path, done: "multiprocessing.Queue[str]") -> None:
    journal = Journal(folder, "node1")
    size = journal.path.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        journal.append("received", "job", "ok", {"count": 2})
    except JournalUnwritable:
        done.put("refused")


def test_a_record_that_does_not_fit_on_the_disk_leaves_the_journal_as_it_was(
    journal: Journal,
) -> None:
    write(journal, 2)
    before = journal.path.read_bytes()
    spawn = multiprocessing.get_context("spawn")
    done: multiprocessing.Queue[str] = spawn.Queue()
    writer = spawn.Process(target=_fill, args=(journal.folder, done))
    writer.start()
    assert done.get(timeout=30) == "refused"
    writer.join()
    assert journal.path.read_bytes() == before
    assert journal.verify() is None


def test_a_stage_that_ended_is_recorded_and_facts_not_on_the_list_are_left_out(
    journal: Journal,
) -> None:
    listeners = [AuditListener(journal)]
    with stage(listeners, "k1", "decode") as facts:
        facts["frames"] = 120
        facts["something_new"] = 3
    with pytest.raises(ValueError, match="DOE"), stage(listeners, "k1", "fit"):
        raise ValueError("DOE^JANE")
    first, second = journal.records()
    assert first["facts"]["frames"] == 120
    assert "something_new" not in first["facts"]
    assert second["facts"]["error"] == "ValueError"
    assert b"DOE" not in journal.path.read_bytes()


def test_a_stage_that_can_not_be_recorded_stops_the_job(journal: Journal) -> None:
    journal.path.mkdir()
    listeners = [AuditListener(journal)]
    with pytest.raises(JournalUnwritable), stage(listeners, "k1", "decode"):
        pass

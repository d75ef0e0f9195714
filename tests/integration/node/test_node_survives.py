"""The whole node in real processes: killed, cut off, filled up; nothing lost, none sent twice."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import psutil
import pytest

from dmask_node.audit.journal import Journal
from dmask_node.records.jobs import Job, JobState
from dmask_node.spool.ledger import Ledger
from tests.factories import a_video_instance
from tests.nodes import (
    Archive,
    Process,
    a_free_port,
    a_key,
    echoscu,
    python,
    running,
    store,
    storescu,
    wait_until,
)

NODE = Path(__file__).with_name("crashing_node.py")


class Site:
    """A folder with a configuration, and what is needed to look at a node from outside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.port = a_free_port()
        self.archive_port = a_free_port()
        self.config = folder / "dmask.toml"
        a_key(self.state)
        self.configure()

    def configure(self, spool: str = "", forward: str = "", receive: str = "") -> None:
        self.config.write_text(f"""
            [node]
            state_dir = "{self.state}"
            [receive]
            port = {self.port}
            drain_s = 1.0
            {receive or "min_free_bytes = 1000"}
            [spool]
            poll_s = 0.1
            reconcile_s = 1.0
            janitor_s = 0.2
            retry_base_s = 0.2
            {spool or "drain_s = 1.0"}
            [forward]
            retry_base_s = 0.3
            retry_max_s = 1.0
            {forward}
            [[forward.destinations]]
            port = {self.archive_port}
            timeout_s = 5.0
        """)

    def command(self, *point: str) -> list[str]:
        return python(NODE, str(self.config), *point)

    def start(self, *point: str) -> "Node":
        return Node(self, *point)

    def jobs(self) -> tuple[Job, ...]:
        ledger = Ledger(self.state / "ledger.sqlite")
        try:
            return ledger.jobs()
        finally:
            ledger.close()

    def states(self) -> list[JobState]:
        return [job.state for job in self.jobs()]

    def journal(self) -> Journal:
        return Journal(self.state / "audit", "dmask")

    def events(self) -> list[str]:
        return [record["event"] for record in self.journal().records()]

    def pause(self, seconds: float) -> None:
        (self.folder / "pause").write_text(str(seconds))

    def masked(self) -> list[str]:
        path = self.folder / "masked"
        return path.read_text().split() if path.exists() else []

    def video(self, name: str = "video", n_frames: int = 3) -> Path:
        return a_video_instance(self.folder / f"{name}.dcm", n_frames=n_frames, identity=True)


class Node:
    """A running node."""

    def __init__(self, site: Site, *point: str) -> None:
        self._site = site
        self._running = running(site.command(*point), DMASK_TEST_DIR=str(site.folder))
        self.process: Process = self._running.__enter__()

    def __enter__(self) -> Self:
        self.process.wait_for('"listening"')
        return self

    def __exit__(self, *_: object) -> None:
        for child in psutil.Process(self.process.pid).children() if self.alive else []:
            child.kill()
        self._running.__exit__(None, None, None)

    @property
    def alive(self) -> bool:
        return self.process.code is None

    def worker(self) -> int:
        """Process id of the worker, once there is one."""
        wait_until(lambda: psutil.Process(self.process.pid).children())
        return psutil.Process(self.process.pid).children()[0].pid


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def archive(site: Site) -> Iterator[Archive]:
    archive = Archive(site.archive_port)
    yield archive
    archive.close()


def test_a_video_goes_all_the_way_and_the_node_stops_when_asked(
    site: Site, archive: Archive
) -> None:
    with site.start() as node:
        assert storescu(site.port, site.video()).returncode == 0
        wait_until(lambda: site.states() == [JobState.FORWARDED])
        node.process.terminate()
        assert node.process.wait() == 0
    assert [c.rsplit(".", 2)[-2:] for c in archive.classes] == [["4", "1"], ["88", "22"]]
    assert set(archive.got.values()) == {1}
    events = site.events()
    order = ["received", "masking", "gated", "gated", "masked"]
    order += ["forwarding", "delivered", "delivered"]
    assert [e for e in events if e in order] == order
    assert events[-1] == "node_stopped"
    assert site.journal().verify() is None
    assert not list((site.state / "work").iterdir())
    for line in node.process.lines:
        json.loads(line)
    assert "PLANTED" not in node.process.output


@pytest.mark.parametrize("point", ["part", "renamed", "record", "row"])
def test_killed_while_an_object_is_taken_in_nothing_acknowledged_is_lost(
    site: Site, archive: Archive, point: str
) -> None:
    video = site.video()
    with site.start(point) as node:
        assert store(site.port, video) is None  # the node died before it could answer
        assert node.process.wait() == -signal.SIGKILL
    kept = len(site.jobs()) + len(list((site.state / "spool").glob("*.dcm")))
    assert kept == {"part": 0, "renamed": 1, "record": 1, "row": 2}[point]
    with site.start():
        assert store(site.port, video) == 0x0000  # the sender comes again, as it must
        wait_until(lambda: site.states() == [JobState.FORWARDED])
        assert not list((site.state / "incoming").iterdir())
    assert set(archive.got.values()) == {1}
    assert len(archive.got) == 2
    assert site.journal().verify() is None


@pytest.mark.parametrize("point", ["renamed", "row"])
def test_what_was_whole_when_the_node_was_killed_goes_on_even_if_the_sender_does_not_come_again(
    site: Site, archive: Archive, point: str
) -> None:
    with site.start(point):
        assert store(site.port, site.video()) is None
    with site.start():
        wait_until(lambda: site.states() == [JobState.FORWARDED])
    assert set(archive.got.values()) == {1}


def test_a_worker_killed_in_mid_video_is_replaced_and_the_video_is_delivered_once(
    site: Site, archive: Archive
) -> None:
    site.pause(2.0)
    with site.start() as node:
        assert store(site.port, site.video()) == 0x0000
        wait_until(lambda: site.jobs()[0].stage_done > 5)
        first = node.worker()
        os.kill(first, signal.SIGKILL)
        assert echoscu(site.port)  # the receiving process does not notice
        site.pause(0.1)
        wait_until(lambda: site.states() == [JobState.FORWARDED])
        assert node.worker() != first
    [job] = site.jobs()
    assert job.worker_deaths == 1
    assert len(site.masked()) == 1
    assert set(archive.got.values()) == {1}
    assert "worker_died" in site.events()


def test_the_whole_node_killed_in_mid_video_goes_on_after_its_next_start(
    site: Site, archive: Archive
) -> None:
    site.pause(3.0)
    with site.start() as node:
        assert store(site.port, site.video()) == 0x0000
        wait_until(lambda: site.jobs()[0].stage_done > 5)
        worker = psutil.Process(node.worker())
        node.process.kill()
        wait_until(lambda: not worker.is_running() or worker.status() == "zombie", 10)
    site.pause(0.1)
    with site.start():
        wait_until(lambda: site.states() == [JobState.FORWARDED])
    assert set(archive.got.values()) == {1}


def test_asked_to_stop_in_mid_video_the_node_puts_it_back_and_nobody_counts_as_dead(
    site: Site, archive: Archive
) -> None:
    site.configure(spool="drain_s = 0.2")
    site.pause(20.0)
    with site.start() as node:
        assert store(site.port, site.video()) == 0x0000
        wait_until(lambda: site.jobs()[0].stage_done > 0)
        began = time.monotonic()
        node.process.terminate()
        assert node.process.wait() == 0
        assert time.monotonic() - began < 12
    assert site.states() == [JobState.RECEIVED]
    site.pause(0.1)
    with site.start():
        wait_until(lambda: site.states() == [JobState.FORWARDED])
    assert site.jobs()[0].worker_deaths == 0
    assert set(archive.got.values()) == {1}


def test_an_object_that_kills_the_worker_goes_to_quarantine_and_its_sibling_flows(
    site: Site, archive: Archive
) -> None:
    with site.start() as node:
        assert store(site.port, site.video("poison", n_frames=7)) == 0x0000
        assert store(site.port, site.video("sibling")) == 0x0000
        wait_until(
            lambda: site.states() == [JobState.QUARANTINED, JobState.FORWARDED], timeout_s=60
        )
        assert node.alive
    poison, _ = site.jobs()
    assert poison.reason == "worker_died_repeatedly"
    assert site.events().count("worker_died") == 4
    folder = site.state / "quarantine" / poison.key
    assert {p.name for p in folder.iterdir()} == {"object.dcm", "reason.json"}
    assert len(archive.got) == 2


def test_objects_that_can_not_be_masked_go_to_quarantine_with_a_reason(
    site: Site, archive: Archive
) -> None:
    with site.start() as node:
        assert store(site.port, site.video("none", n_frames=8)) == 0x0000
        assert store(site.port, site.video("odd", n_frames=10)) == 0x0000
        wait_until(lambda: site.states() == [JobState.QUARANTINED] * 2)
        assert [job.reason for job in site.jobs()] == ["too_few_faces", "internal_error"]
        assert node.worker()
        assert store(site.port, site.folder / "none.dcm") == 0x0000  # sent again: another try
        wait_until(lambda: site.jobs()[0].run == 1 and site.jobs()[0].state == "quarantined")
    assert "PLANTED" not in node.process.output
    assert b"PLANTED" not in site.journal().path.read_bytes()
    assert not archive.got


def test_a_composed_object_that_holds_identity_raises_the_alarm(
    site: Site, archive: Archive
) -> None:
    with site.start() as node:
        assert store(site.port, site.video("leak", n_frames=11)) == 0x0000
        wait_until(lambda: site.states() == [JobState.QUARANTINED], timeout_s=60)
        lines = [json.loads(x) for x in node.process.output.splitlines() if x.startswith("{")]
    [job] = site.jobs()
    assert job.reason == "would_leak"
    events = site.events()
    assert events.index("security_alert") < events.index("quarantined")
    [record] = [r for r in site.journal().records() if r["event"] == "security_alert"]
    assert (record["job"], record["outcome"]) == (job.key, "refused")
    facts = record["facts"]
    assert (facts["reason"], facts["audience"], facts["role"]) == (
        "would_leak", "default@default", "video"
    )  # fmt: skip
    assert set(facts["why"].split()) == {"PatientName", "StudyDescription"}
    [told] = [line for line in lines if line["event"] == "security_alert"]
    assert (told["level"], told["why"]) == ("critical", facts["why"])
    assert "PLANTED" not in node.process.output
    assert b"PLANTED" not in site.journal().path.read_bytes()
    assert b"PLANTED" not in (site.state / "quarantine" / job.key / "reason.json").read_bytes()
    assert not archive.got


def test_a_failure_that_passes_is_waited_out(site: Site, archive: Archive) -> None:
    (site.folder / "busy").touch()
    with site.start():
        assert store(site.port, site.video(n_frames=9)) == 0x0000
        wait_until(lambda: site.states() == [JobState.WAITING])
        assert site.jobs()[0].reason == "busy"
        wait_until(lambda: site.jobs()[0].attempts >= 2)
        (site.folder / "busy").unlink()
        wait_until(lambda: site.states() == [JobState.FORWARDED])
    assert site.jobs()[0].reason == ""


def test_an_archive_that_was_away_gets_everything_once_when_it_is_back(site: Site) -> None:
    with site.start() as node:
        for number in range(3):
            assert store(site.port, site.video(f"v{number}")) == 0x0000
        wait_until(lambda: site.states() == [JobState.MASKED] * 3)
        wait_until(lambda: all(job.deliveries[0].attempts >= 2 for job in site.jobs()))
        assert {d.reason for job in site.jobs() for d in job.deliveries} == {
            "destination_unreachable"
        }
        os.kill(node.worker(), signal.SIGKILL)  # what is delayed is a row, not a thread
        archive = Archive(site.archive_port)
        wait_until(lambda: site.states() == [JobState.FORWARDED] * 3)
    archive.close()
    assert len(archive.got) == 6
    assert set(archive.got.values()) == {1}


def test_only_what_was_not_taken_yet_is_sent_again(site: Site) -> None:
    asked: list[str] = []

    def busy_at_first(uid: str) -> int:
        asked.append(uid)
        return 0xA700 if len(asked) == 2 else 0x0000  # the video is taken, the report is not

    archive = Archive(site.archive_port, busy_at_first)
    with site.start():
        assert store(site.port, site.video()) == 0x0000
        wait_until(lambda: site.states() == [JobState.FORWARDED])
    archive.close()
    assert len(asked) == 3
    assert asked[1] == asked[2]
    assert set(archive.got.values()) == {1}
    assert site.jobs()[0].deliveries[0].attempts == 1


def test_an_object_that_the_archive_refuses_waits_for_a_person_with_the_status(
    site: Site,
) -> None:
    archive = Archive(site.archive_port, lambda _: 0xA900)
    with site.start():
        assert store(site.port, site.video()) == 0x0000
        wait_until(lambda: site.states() == [JobState.QUARANTINED])
    archive.close()
    [job] = site.jobs()
    assert job.reason == "destination_refused"
    assert job.deliveries[0].dicom_status == 0xA900
    assert len(site.masked()) == 1


def test_files_go_when_they_were_kept_long_enough_and_the_row_stays(
    site: Site, archive: Archive
) -> None:
    site.configure(spool="keep_hours = 0.0")
    with site.start():
        assert store(site.port, site.video()) == 0x0000
        wait_until(lambda: site.states() == [JobState.PURGED])
        wait_until(lambda: not list((site.state / "masked").iterdir()))
    assert not list((site.state / "spool").iterdir())
    assert len(archive.got) == 2
    assert site.events()[-1] == "purged" or "purged" in site.events()


def test_the_queue_lost_as_a_whole_costs_no_object(site: Site) -> None:
    with site.start() as node:
        assert store(site.port, site.video()) == 0x0000
        wait_until(lambda: site.states() == [JobState.MASKED])
        node.process.terminate()
        node.process.wait()
    (site.state / "workflow.sqlite").unlink()
    archive = Archive(site.archive_port)
    with site.start():
        wait_until(lambda: site.states() == [JobState.FORWARDED])
    archive.close()
    assert set(archive.got.values()) == {1}
    assert len(site.masked()) == 1
    assert "queued_again" in site.events()


def test_a_masked_object_changed_on_disk_is_not_sent(site: Site) -> None:
    with site.start():
        assert store(site.port, site.video()) == 0x0000
        wait_until(lambda: site.states() == [JobState.MASKED])
        [job] = site.jobs()
        path = site.state / job.outputs[0].file
        path.write_bytes(path.read_bytes() + b"x")
        archive = Archive(site.archive_port)
        wait_until(lambda: site.states() == [JobState.QUARANTINED])
    archive.close()
    assert site.jobs()[0].reason == "output_damaged"
    assert not archive.got


def test_a_full_disk_is_told_to_the_sender(site: Site) -> None:
    site.configure(receive="min_free_bytes = 4611686018427387904")
    with site.start():
        assert store(site.port, site.video()) == 0xA700
        assert echoscu(site.port)
    assert site.jobs() == ()


def test_a_second_node_on_the_same_folder_is_refused(site: Site) -> None:
    with site.start():
        other = site.start()
        assert other.process.wait() != 0
        assert "state_dir_taken" in other.process.output
        other.__exit__()


def test_a_journal_that_can_not_be_written_stops_what_would_go_out(site: Site) -> None:
    site.pause(1.5)
    archive = Archive(site.archive_port)
    with site.start():
        assert store(site.port, site.video()) == 0x0000
        wait_until(lambda: site.jobs()[0].stage_done > 2)
        path = site.journal().path
        path.rename(path.with_suffix(".away"))
        path.mkdir()
        time.sleep(3.0)
        assert not archive.got
        assert site.states() == [JobState.MASKING]
    archive.close()


def test_the_worker_itself_starts_says_so_and_ends_with_its_parent(site: Site) -> None:
    from dmask_node.config import load_settings
    from dmask_node.service import WORKER_COMMAND

    settings = load_settings(site.config).model_dump_json()
    with running(WORKER_COMMAND) as worker:
        stdin = worker._process.stdin
        assert stdin is not None
        stdin.write(settings + "\n")
        stdin.flush()
        worker.wait_for('"worker_started"')
        stdin.close()
        assert worker.wait() == 0
    assert '"worker_stopped"' in worker.output

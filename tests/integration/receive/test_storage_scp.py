"""The storage SCP over a real network, with DCMTK and pynetdicom as senders."""

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

from dmask_node.audit.journal import Journal
from dmask_node.receive.contexts import ACCEPTED
from dmask_node.receive.scp import PortTaken, StorageScp
from dmask_node.receive.settings import ReceiveSettings
from dmask_node.records.jobs import JobEvent, JobState
from dmask_node.spool.store import Spool
from tests.factories import (
    DEFLATED,
    H264_41,
    H264_41_FRAGMENTABLE,
    HEVC_MAIN,
    JPEG_BASELINE,
    JPEG_LS_LOSSLESS,
    VIDEO_PHOTOGRAPHIC,
    a_photo_instance,
    a_video_instance,
)
from tests.nodes import a_free_port, echoscu, store, store_bytes, storescu, wait_until


def digest(value: str) -> str:
    import hashlib

    return hashlib.blake2b(value.encode(), key=b"test", digest_size=32).hexdigest()


class Scp:
    """A storage SCP on a spool and a journal of its own."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.port = a_free_port()
        self.free = 10**12
        self.journal = Journal(folder / "audit", "test")
        self.spool = Spool(folder, digest, self.journal.append)
        self.scp = StorageScp(
            ReceiveSettings(port=self.port, **settings),  # type: ignore[arg-type]
            self.spool.incoming,
            take_in=self.spool.take_in,
            refuse=self.spool.refuse,
            tell=lambda event, outcome, facts: self.journal.append(event, "", outcome, facts),
            free_bytes=lambda: self.free,
        )
        self.scp.start()

    def events(self) -> list[str]:
        return [record["event"] for record in self.journal.records()]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Scp]:
    scp = Scp(tmp_path / "state", drain_s=1.0)
    yield scp
    scp.scp.stop()


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_video_instance(
        tmp_path_factory.mktemp("in") / "video.dcm", n_frames=4, identity=True, audio=False
    )


def test_dcmtk_stores_a_video_and_it_is_there_byte_for_byte(node: Scp, video: Path) -> None:
    done = storescu(node.port, video)
    assert done.returncode == 0, done.stderr
    [job] = node.spool.ledger.jobs(JobState.RECEIVED)
    kept = node.spool.original(job.key)
    assert dcmread(kept).PixelData == dcmread(video).PixelData
    assert kept.stat().st_mode & 0o777 == 0o600
    assert job.size_bytes == kept.stat().st_size
    assert job.calling_ae_title == "STORESCU"
    assert node.events() == ["received"]


def test_dcmsend_stores_a_video(node: Scp, video: Path) -> None:
    done = subprocess.run(
        ["dcmsend", "-aec", "DMASK", "127.0.0.1", str(node.port), str(video)],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert len(node.spool.ledger.jobs(JobState.RECEIVED)) == 1


@pytest.mark.parametrize("syntax", [H264_41_FRAGMENTABLE, HEVC_MAIN])
def test_other_video_syntaxes_are_taken(node: Scp, tmp_path: Path, syntax: str) -> None:
    path = a_video_instance(tmp_path / "v.dcm", transfer_syntax_uid=syntax, n_frames=3)
    assert store(node.port, path) == 0x0000


@pytest.mark.parametrize("syntax", [JPEG_BASELINE, JPEG_LS_LOSSLESS, DEFLATED])
def test_photographs_are_taken(node: Scp, tmp_path: Path, syntax: str) -> None:
    path = a_photo_instance(tmp_path / "p.dcm", transfer_syntax_uid=syntax)
    assert store(node.port, path) == 0x0000


def test_every_context_that_is_offered_is_negotiated(node: Scp) -> None:
    from pynetdicom import AE

    for sop_class, syntaxes in ACCEPTED.items():
        entity = AE("STORESCU")
        for syntax in syntaxes:
            entity.add_requested_context(sop_class, syntax)
        association = entity.associate("127.0.0.1", node.port, ae_title="DMASK")
        accepted = {c.transfer_syntax[0] for c in association.accepted_contexts}
        association.release()
        assert accepted == set(syntaxes)


def test_a_video_class_is_not_taken_uncompressed(node: Scp) -> None:
    from pynetdicom import AE

    entity = AE("STORESCU")
    entity.add_requested_context("1.2.840.10008.5.1.4.1.1.77.1.4.1", "1.2.840.10008.1.2.1")
    association = entity.associate("127.0.0.1", node.port, ae_title="DMASK")
    assert not association.is_established
    association.abort()


def test_echo_is_answered_and_strangers_are_not(node: Scp) -> None:
    assert echoscu(node.port)
    assert not echoscu(node.port, calling="STRANGER")
    assert not echoscu(node.port, called="OTHER")
    wait_until(lambda: node.events() == ["association_rejected"] * 2)
    assert [r["facts"]["calling_ae_title"] for r in node.journal.records()] == [
        "STRANGER",
        "ECHOSCU",
    ]


def test_anybody_is_let_in_when_the_site_says_so(tmp_path: Path, video: Path) -> None:
    node = Scp(tmp_path / "state", any_caller=True)
    assert echoscu(node.port, calling="STRANGER")
    assert store(node.port, video, calling="STRANGER") == 0x0000
    node.scp.stop()


def test_the_same_bytes_again_are_counted_not_queued_twice(node: Scp, video: Path) -> None:
    assert store(node.port, video) == 0x0000
    assert store(node.port, video) == 0x0000
    [job] = node.spool.ledger.jobs()
    assert (job.times_received, job.state) == (2, JobState.RECEIVED)
    assert node.events() == ["received", "received_again"]
    assert not list(node.spool.incoming.iterdir())


def test_the_same_bytes_after_purging_are_answered_success_and_not_kept(
    node: Scp, video: Path
) -> None:
    assert store(node.port, video) == 0x0000
    [job] = node.spool.ledger.jobs()
    node.spool.ledger.claim(job.key, "w")
    node.spool.ledger.compose(job.key, (), {})
    node.spool.purge(job.key)
    assert not node.spool.original(job.key).exists()
    assert store(node.port, video) == 0x0000
    assert node.spool.ledger.job(job.key).state is JobState.PURGED
    assert not node.spool.original(job.key).exists()


def test_what_is_in_quarantine_gets_another_try_when_it_is_sent_again(
    node: Scp, video: Path
) -> None:
    from dmask_node.errors import Permanent

    assert store(node.port, video) == 0x0000
    [job] = node.spool.ledger.jobs()
    node.spool.ledger.claim(job.key, "w")
    node.spool.set_aside(job.key, Permanent("no face"))
    assert (node.spool.quarantine / job.key / "object.dcm").exists()
    assert not node.spool.original(job.key).exists()
    assert store(node.port, video) == 0x0000
    again = node.spool.ledger.job(job.key)
    assert (again.state, again.run) == (JobState.RECEIVED, 1)
    assert node.spool.original(job.key).exists()
    assert not (node.spool.quarantine / job.key).exists()


def test_another_picture_under_the_same_uid_is_another_job(node: Scp, tmp_path: Path) -> None:
    one = a_photo_instance(tmp_path / "1.dcm")
    dataset = dcmread(one)
    dataset.PatientComments = "changed"
    dataset.save_as(tmp_path / "2.dcm")
    assert store(node.port, one) == store(node.port, tmp_path / "2.dcm") == 0x0000
    first, second = node.spool.ledger.jobs()
    assert first.key.split("-")[0] == second.key.split("-")[0]
    assert first.key != second.key


def test_a_video_that_was_cut_short_is_refused_and_kept_for_a_person(
    node: Scp, video: Path, tmp_path: Path
) -> None:
    import json

    cut = tmp_path / "cut.dcm"
    cut.write_bytes(video.read_bytes()[:-2000])
    assert store(node.port, cut) == 0xC000
    [job] = node.spool.ledger.jobs()
    assert (job.state, job.reason) == (JobState.QUARANTINED, "cannot_understand")
    folder = node.spool.quarantine / job.key
    assert (folder / "object.dcm").read_bytes().endswith(cut.read_bytes()[1000:])
    reason = json.loads((folder / "reason.json").read_text())
    assert reason["reason"] == "cannot_understand"
    assert store(node.port, cut) == 0xC000  # again: counted, not kept twice
    assert node.spool.ledger.job(job.key).times_received == 2
    assert store(node.port, video) == 0x0000  # and the node goes on


@pytest.mark.parametrize("content", [b"\0\0", b"\0" * 5000, b"not DICOM at all " * 300])
def test_what_is_not_dicom_is_refused(node: Scp, content: bytes) -> None:
    status = store_bytes(
        node.port,
        content,
        sop_class_uid=VIDEO_PHOTOGRAPHIC,
        sop_instance_uid="1.2.3.4",
        transfer_syntax_uid=H264_41,
    )
    assert status == 0xC000
    assert node.spool.ledger.jobs()[0].state is JobState.QUARANTINED
    assert echoscu(node.port)


def test_a_request_that_names_another_instance_is_a_mismatch(node: Scp, video: Path) -> None:
    assert store(node.port, video, sop_instance_uid="1.2.3.4") == 0xA900


def test_a_request_that_names_another_class_is_a_mismatch(node: Scp, video: Path) -> None:
    assert store(node.port, video, sop_class_uid="1.2.840.10008.5.1.4.1.1.77.1.1.1") == 0xA900
    [job] = node.spool.ledger.jobs()
    assert (job.state, job.reason) == (JobState.QUARANTINED, "data_set_mismatch")


def test_a_full_disk_is_told_and_leaves_nothing_behind(node: Scp, video: Path) -> None:
    node.free = 1000
    assert store(node.port, video) == 0xA700
    assert node.spool.ledger.jobs() == ()
    assert not list(node.spool.incoming.iterdir())
    assert node.events() == ["not_accepted"]
    node.free = 10**12
    assert store(node.port, video) == 0x0000


def test_a_disk_that_fills_up_while_an_object_comes_in_is_told_too(
    tmp_path: Path, video: Path
) -> None:
    node = Scp(tmp_path / "state", max_object_bytes=2**20)
    large = a_photo_instance(
        tmp_path / "large.dcm",
        rows=1200,
        columns=1600,
        n_frames=4,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
    )
    assert large.stat().st_size > 20 * 2**20
    assert store(node.port, large) == 0xA700
    assert not list(node.spool.incoming.iterdir())
    assert store(node.port, video) == 0x0000
    node.scp.stop()


def test_a_journal_that_can_not_be_written_means_no_success(node: Scp, video: Path) -> None:
    assert store(node.port, video) == 0x0000
    node.journal.path.rename(node.journal.path.with_suffix(".away"))
    node.journal.path.mkdir()
    again = a_video_copy(video, node.spool.state_dir.parent / "other.dcm")
    assert store(node.port, again) == 0xA700
    assert len(node.spool.ledger.jobs()) == 1


def a_video_copy(video: Path, path: Path) -> Path:
    from pydicom.uid import generate_uid

    dataset = dcmread(video)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.save_as(path)
    return path


def test_a_sender_that_dies_leaves_nothing_behind(node: Scp, tmp_path: Path) -> None:
    large = a_photo_instance(
        tmp_path / "large.dcm",
        rows=2000,
        columns=3000,
        n_frames=8,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
    )
    sender = subprocess.Popen(
        [
            "storescu",
            "-aet",
            "STORESCU",
            "-aec",
            "DMASK",
            "-pdu",
            "4096",
            "127.0.0.1",
            str(node.port),
            str(large),
        ]
    )
    wait_until(
        lambda: any(p.stat().st_size > 10**6 for p in node.spool.incoming.iterdir()), every_s=0.005
    )
    sender.kill()
    sender.wait()
    wait_until(lambda: not list(node.spool.incoming.iterdir()), 10)
    assert node.spool.ledger.jobs() == ()


def test_silent_peers_hold_up_nobody(node: Scp) -> None:
    silent = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(5)]
    began = time.monotonic()
    assert echoscu(node.port)
    assert time.monotonic() - began < 2.0
    for peer in silent:
        peer.close()


def test_silent_peers_that_fill_the_node_are_shut_out_in_time(tmp_path: Path) -> None:
    node = Scp(tmp_path / "state", maximum_associations=3, acse_timeout_s=1.0)
    silent = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(6)]
    wait_until(lambda: echoscu(node.port), 8)
    for peer in silent:
        peer.close()
    node.scp.stop()


def test_a_port_that_is_taken_is_told_with_a_hint(node: Scp, tmp_path: Path) -> None:
    other = StorageScp(
        ReceiveSettings(port=node.port),
        tmp_path,
        take_in=node.spool.take_in,
        refuse=node.spool.refuse,
        tell=lambda *_: None,
        free_bytes=lambda: 10**12,
    )
    with pytest.raises(PortTaken) as caught:
        other.start()
    assert caught.value.hint


def test_nothing_identifying_gets_into_names_ledger_journal_or_reason(
    node: Scp, video: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(video.read_bytes()[:-2000])
    assert store(node.port, video) == 0x0000
    assert store(node.port, cut) == 0xC000
    node.spool.ledger.claim(node.spool.ledger.jobs(JobState.RECEIVED)[0].key, "w")
    uid = str(dcmread(video, stop_before_pixels=True).SOPInstanceUID).encode()
    for path in node.spool.state_dir.rglob("*"):
        assert uid.decode() not in path.name
        if path.is_file() and path.suffix != ".dcm":
            content = path.read_bytes()
            assert uid not in content
            assert b"PLANTED" not in content


def test_a_purged_quarantine_is_gone(node: Scp, video: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(video.read_bytes()[:-2000])
    store(node.port, cut)
    [job] = node.spool.ledger.jobs()
    node.spool.purge(job.key, JobEvent.DISCARDED)
    assert not (node.spool.quarantine / job.key).exists()
    assert node.spool.ledger.job(job.key).state is JobState.PURGED

"""Two processes at one job at the same moment, commits that fail, transfers that break off."""

import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE

from dmask_node import worker as worker_module
from dmask_node.audit.journal import Journal
from dmask_node.forward.scu import AssociationLost
from dmask_node.forward.settings import Destination, ForwardSettings
from dmask_node.receive.scp import StorageScp
from dmask_node.receive.settings import ReceiveSettings
from dmask_node.records.arrivals import Arrival
from dmask_node.records.gated import MaskedInstance
from dmask_node.records.jobs import DeliveryState, JobEvent, JobState, StoredOutput
from dmask_node.spool.ledger import LedgerBusy
from dmask_node.spool.settings import SpoolSettings
from dmask_node.spool.store import Spool
from dmask_node.worker import UnforeseenFault, Worker
from dmask_node.workflow.engine import Outcome
from tests.factories import H264_41, VIDEO_PHOTOGRAPHIC, a_video_instance
from tests.nodes import a_free_port, a_key, python, running, store, wait_until

CRASHING_NODE = Path(__file__).parent.parent / "node" / "crashing_node.py"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Shared:
    """One state folder, as two processes see it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = Journal(folder / "audit", "test")
        self.receiving, self.working = self._spool(), self._spool()

    def _spool(self) -> Spool:
        return Spool(self.folder, digest, self.journal.append)

    def arrive(self, content: bytes = b"an object", uid: str = "1.2.3") -> str:
        """Take an object in, as the receiving process does before it answers Success."""
        path = self.receiving.incoming / f"{time.monotonic_ns()}.part"
        path.write_bytes(content)
        arrival = Arrival(
            path=path,
            sop_instance_uid=uid,
            sop_class_uid=VIDEO_PHOTOGRAPHIC,
            transfer_syntax_uid=H264_41,
            calling_ae_title="CAMERA",
        )
        return self.receiving.take_in(arrival)

    def quarantine(self, key: str) -> None:
        """What the worker does with an object that can't be masked."""
        self.working.ledger.claim(key, "worker")
        self.working.set_aside(key, UnforeseenFault())

    def state(self, key: str) -> JobState:
        return self.receiving.ledger.job(key).state

    def events(self) -> list[str]:
        return [record["event"] for record in self.journal.records()]


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    return Shared(tmp_path / "state")


def just_after(spool: Spool, wanted: JobEvent, act: Callable[[], object]) -> None:
    """Let another process act the moment after this one has committed an event."""
    advance = spool.ledger.advance

    def then(key: str, event: JobEvent, **options: Any) -> JobState:
        state = advance(key, event, **options)
        if event is wanted:
            act()
        return state

    vars(spool.ledger)["advance"] = then


def test_an_object_retried_while_it_is_set_aside_keeps_its_original(shared: Shared) -> None:
    key = shared.arrive()
    just_after(shared.working, JobEvent.FAILED_PERMANENT, lambda: shared.receiving.retry(key))
    shared.quarantine(key)
    assert shared.state(key) is JobState.RECEIVED
    assert shared.receiving.require_original(key).read_bytes() == b"an object"


def test_an_object_sent_again_while_it_is_set_aside_keeps_its_original(shared: Shared) -> None:
    key = shared.arrive()
    just_after(shared.working, JobEvent.FAILED_PERMANENT, shared.arrive)
    shared.quarantine(key)
    assert shared.state(key) is JobState.RECEIVED
    assert shared.receiving.require_original(key).read_bytes() == b"an object"


def test_an_object_set_aside_again_while_it_is_retried_stays_in_quarantine(
    shared: Shared,
) -> None:
    key = shared.arrive()
    shared.quarantine(key)
    just_after(shared.receiving, JobEvent.RETRIED, lambda: shared.quarantine(key))
    shared.receiving.retry(key)
    assert shared.state(key) is JobState.QUARANTINED
    kept = shared.receiving.quarantine / key
    assert {path.name for path in kept.iterdir()} == {"object.dcm", "reason.json"}


@pytest.mark.parametrize("event", [JobEvent.FAILED_PERMANENT, JobEvent.RETRIED])
def test_a_commit_that_fails_costs_no_original(shared: Shared, event: JobEvent) -> None:
    """The files have moved, the disk is full: the row says the old state, the object is there."""
    key = shared.arrive()
    if event is JobEvent.RETRIED:
        shared.quarantine(key)
    ledger = shared.working.ledger
    advance = ledger.advance

    def failing(key: str, event: JobEvent, **options: Any) -> JobState:
        moved = options.pop("before_commit")

        def move_and_fail() -> None:
            moved()
            raise LedgerBusy("disk full")

        return advance(key, event, before_commit=move_and_fail, **options)

    vars(ledger)["advance"] = failing
    before = shared.state(key)
    act = shared.working.retry if event is JobEvent.RETRIED else shared.quarantine
    with pytest.raises(LedgerBusy):
        act(key)
    assert shared.state(key) in (before, JobState.MASKING)
    shared.receiving.tidy(lambda _: None)  # the next start
    assert shared.receiving.require_original(key).read_bytes() == b"an object"


def test_what_a_person_has_discarded_and_a_camera_sends_again_is_processed(
    shared: Shared,
) -> None:
    """It was answered Success and never forwarded: to drop it silently would be to lose it."""
    key = shared.arrive()
    shared.quarantine(key)
    shared.receiving.purge(key, JobEvent.DISCARDED)
    assert shared.arrive() == key
    assert shared.state(key) is JobState.RECEIVED
    assert shared.receiving.original(key).read_bytes() == b"an object"
    assert shared.events()[-2:] == ["received_again", "retried"]
    assert shared.receiving.ledger.job(key).purged_at is None


def test_what_is_sent_again_while_it_is_discarded_is_kept(shared: Shared) -> None:
    key = shared.arrive()
    shared.quarantine(key)
    just_after(shared.working, JobEvent.DISCARDED, shared.arrive)
    shared.working.purge(key, JobEvent.DISCARDED)
    assert shared.state(key) is JobState.RECEIVED
    assert shared.receiving.original(key).read_bytes() == b"an object"


def test_an_original_that_has_a_row_under_the_nodes_new_key_does_not_stop_the_start(
    shared: Shared,
) -> None:
    key = shared.arrive()
    shared.receiving.ledger.claim(key, "worker")
    shared.receiving.ledger.compose(key, (), {})
    stray = shared.receiving.originals / f"{'0' * 32}-{'1' * 16}.dcm"
    stray.write_bytes(b"an object")

    def identify(path: Path) -> Arrival:
        return Arrival(
            path=path,
            sop_instance_uid="1.2.3",
            sop_class_uid=VIDEO_PHOTOGRAPHIC,
            transfer_syntax_uid=H264_41,
            calling_ae_title="",
        )

    shared.receiving.tidy(identify)
    assert not stray.exists()
    assert shared.receiving.ledger.job(key).times_received == 2


# Deliveries


def output(role: str, uid: str) -> StoredOutput:
    return StoredOutput(
        audience="default@archive",
        role=role,
        file=f"gated/{role}.dcm",
        sop_class_uid=VIDEO_PHOTOGRAPHIC,
        sop_instance_uid=uid,
        transfer_syntax_uid=H264_41,
        sha256=digest(uid),
        size_bytes=len(uid),
    )


class Sending:
    """A job of two objects at the stage of forwarding, and a worker without its queue."""

    def __init__(self, shared: Shared, *destinations: str) -> None:
        self.shared = shared
        self.key = shared.arrive()
        self.spool = shared.working
        forward = ForwardSettings(destinations=tuple(Destination(name=n) for n in destinations))
        self.worker = Worker(
            self.spool,
            shared.journal,
            lambda *_: pytest.fail("masked"),
            SpoolSettings(),
            forward,
            dict.fromkeys(destinations, "default@archive"),
        )
        self.spool.ledger.claim(self.key, "worker")
        self.compose("2.25.1", "2.25.2")

    def compose(self, *uids: str) -> None:
        outputs = [output(role, uid) for role, uid in zip(("video", "report"), uids, strict=True)]
        for made, uid in zip(outputs, uids, strict=True):
            (self.spool.state_dir / made.file).write_text(uid)
        self.spool.ledger.compose(self.key, outputs, {"archive": "default@archive"})

    def deliveries(self) -> dict[str, DeliveryState]:
        return {d.role: d.state for d in self.spool.ledger.job(self.key).deliveries}


@pytest.fixture
def sending(shared: Shared) -> Sending:
    return Sending(shared, "archive")


def test_masked_anew_as_another_object_it_is_sent_though_the_old_one_was(
    sending: Sending,
) -> None:
    """A new version after a retry: the report would else refer to a video that nobody has."""
    ledger = sending.spool.ledger
    ledger.deliver(sending.key, ("default@archive", "video"), "archive", 0x0000)
    sending.spool.set_aside(sending.key, UnforeseenFault())
    sending.spool.retry(sending.key)
    ledger.claim(sending.key, "worker")
    sending.compose("2.25.11", "2.25.12")
    assert set(sending.deliveries().values()) == {DeliveryState.PENDING}


def test_masked_anew_as_the_same_object_it_is_not_sent_twice(sending: Sending) -> None:
    ledger = sending.spool.ledger
    ledger.deliver(sending.key, ("default@archive", "video"), "archive", 0x0000)
    sending.spool.set_aside(sending.key, UnforeseenFault())
    sending.spool.retry(sending.key)
    ledger.claim(sending.key, "worker")
    sending.compose("2.25.1", "2.25.2")
    assert sending.deliveries() == {
        "video": DeliveryState.DELIVERED,
        "report": DeliveryState.PENDING,
    }


@pytest.mark.parametrize("names", [("archive",), ("archive", "research")])
def test_another_try_masks_for_a_destination_that_has_come_since(
    sending: Sending, names: tuple[str, ...]
) -> None:
    """Else the job would count as forwarded, and the new destination never get anything."""
    masked: list[str] = []

    def mask(key: str, *_: object) -> MaskedInstance:
        masked.append(key)
        raise UnforeseenFault

    sending.spool.set_aside(sending.key, UnforeseenFault())
    sending.spool.retry(sending.key)
    worker = Worker(
        sending.spool,
        sending.shared.journal,
        mask,
        SpoolSettings(),
        ForwardSettings(destinations=tuple(Destination(name=name) for name in names)),
        {name: f"default@{name}" for name in names},
    )
    worker.mask(sending.key)
    assert masked == [sending.key] * (len(names) - 1)


def test_two_forwardings_of_one_job_do_not_send_it_twice(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After another try the queue may hold the earlier forwarding beside the new one."""
    sent: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def slow_send(
        destination: Destination,
        objects: list[Any],
        delivered: Callable[[Any, int], None],
        refused: Callable[[int], None],
    ) -> None:
        del destination, refused
        begun.set()
        assert go_on.wait(10)
        for outgoing in objects:
            sent.append(outgoing.role)
            delivered(outgoing, 0x0000)

    monkeypatch.setattr(worker_module, "send", slow_send)
    first = threading.Thread(target=sending.worker.forward, args=(sending.key, "archive"))
    first.start()
    assert begun.wait(10)
    assert sending.worker.forward(sending.key, "archive") == Outcome()
    go_on.set()
    first.join(10)
    assert sending.worker.forward(sending.key, "archive") == Outcome()
    assert sent == ["video", "report"]
    assert sending.shared.state(sending.key) is JobState.FORWARDED


def test_nothing_is_sent_that_could_not_be_noted(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(worker_module, "send", lambda *_, **__: calls.append("sent"))
    ledger = sending.spool.ledger
    ledger._connection.execute("pragma busy_timeout=50")
    other = sqlite3.connect(ledger.path, isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(LedgerBusy):  # the queue tries again later
        sending.worker.forward(sending.key, "archive")
    assert calls == []
    other.execute("rollback")
    other.close()
    assert sending.worker.forward(sending.key, "archive") == Outcome()
    assert calls == ["sent"]


def test_a_forwarding_that_fails_can_be_tried_again(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object, **__: object) -> None:
        raise AssociationLost

    monkeypatch.setattr(worker_module, "send", lost)
    for _ in range(2):
        assert sending.worker.forward(sending.key, "archive").again_after_s is not None
    assert sending.spool.ledger.job(sending.key).deliveries[0].attempts == 2


def test_many_newer_jobs_do_not_push_an_old_one_out_of_the_janitors_sight(
    shared: Shared,
) -> None:
    keys = [shared.arrive(uid=f"1.2.{number}") for number in range(4)]
    found = shared.receiving.ledger.jobs(JobState.RECEIVED, limit=2, oldest=True)
    assert [job.key for job in found] == keys[:2]


# On the network


class Scp:
    def __init__(self, shared: Shared, **settings: Any) -> None:
        self.port = a_free_port()
        spool, journal = shared.receiving, shared.journal
        self.scp = StorageScp(
            ReceiveSettings(port=self.port, drain_s=1.0, **settings),
            spool.incoming,
            take_in=spool.take_in,
            refuse=spool.refuse,
            tell=lambda event, outcome, facts: journal.append(event, "", outcome, facts),
            free_bytes=lambda: 10**12,
        )
        self.scp.start()


@pytest.fixture(params=[False, True], ids=["listed", "any caller"])
def scp(shared: Shared, request: pytest.FixtureRequest) -> Iterator[Scp]:
    made = Scp(shared, any_caller=request.param)
    yield made
    made.scp.stop()


def associate(port: int, calling: str = "STORESCU") -> Any:
    entity = AE(calling)
    entity.add_requested_context(VIDEO_PHOTOGRAPHIC, H264_41)
    return entity.associate("127.0.0.1", port, ae_title="DMASK")


def a_request(data_set: BytesIO | None) -> C_STORE:
    request = C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = VIDEO_PHOTOGRAPHIC, "1.2.3"
    request.DataSet = data_set
    return request


def exchange(association: Any, request: C_STORE) -> int | None:
    association._reactor_checkpoint.clear()  # else its own thread may take the answer
    wait_until(lambda: association._is_paused)
    association.dimse.send_msg(request, 1)
    _, response = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    return None if response is None else int(response.Status)


def test_a_request_without_a_data_set_is_not_understood(scp: Scp, shared: Shared) -> None:
    association = associate(scp.port)
    assert exchange(association, a_request(None)) == 0xC000
    assert exchange(association, a_request(None)) == 0xC000  # the association has outlived it
    association.release()
    assert shared.receiving.ledger.jobs() == ()
    assert not list(shared.receiving.incoming.iterdir())
    assert shared.events() == ["not_accepted", "not_accepted"]


def test_an_odd_calling_title_is_audited_too(scp: Scp, shared: Shared, tmp_path: Path) -> None:
    """Such a title may be a name: that it came is recorded, what it was is not."""
    video = a_video_instance(tmp_path / "v.dcm", n_frames=3)
    status = store(scp.port, video, calling="DOE^JANE & CO")
    wait_until(lambda: shared.events())
    if status is None:
        assert shared.events() == ["association_rejected"]
    else:
        assert status == 0x0000
        assert shared.events() == ["received"]
    assert b"JANE" not in shared.journal.path.read_bytes()
    [record] = shared.journal.records()
    assert record["facts"]["calling_ae_title"] == "?"


def test_asked_to_stop_in_mid_transfer_the_node_ends_and_keeps_no_part(tmp_path: Path) -> None:
    port = a_free_port()
    state = tmp_path / "state"
    config = tmp_path / "dmask.toml"
    config.write_text(f"""
        [node]
        state_dir = "{state}"
        [receive]
        port = {port}
        drain_s = 0.5
        min_free_bytes = 1000
        [spool]
        drain_s = 0.5
        [[forward.destinations]]
        port = {a_free_port()}
    """)
    a_key(state)
    message = C_STORE_RQ()
    message.primitive_to_message(a_request(BytesIO(bytes(400_000))))
    command = python(CRASHING_NODE, str(config))
    with running(command, DMASK_TEST_DIR=str(tmp_path)) as node:
        node.wait_for('"listening"')
        association = associate(port)
        for part in list(message.encode_msg(1, 16384))[:8]:
            association.dul.send_pdu(part)
        wait_until(lambda: list((state / "incoming").iterdir()))
        began = time.monotonic()
        node.terminate()
        assert node.wait() == 0
        assert time.monotonic() - began < 20
        wait_until(lambda: association.is_aborted)
    assert not list((state / "spool").iterdir())
    with running(command, DMASK_TEST_DIR=str(tmp_path)) as node:
        node.wait_for('"listening"')
        assert not list((state / "incoming").iterdir())
        assert store(port, a_video_instance(tmp_path / "v.dcm", n_frames=3)) == 0x0000
    events = [record["event"] for record in Journal(state / "audit", "dmask").records()]
    assert events.count("received") == 1
    assert "node_stopped" in events

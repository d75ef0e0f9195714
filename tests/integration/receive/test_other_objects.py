"""What is neither a video nor a photograph: an answer that says so, and nothing of it goes on."""

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE, AllStoragePresentationContexts

from dmask_node.receive.contexts import ACCEPTED, OTHER_SOP_CLASSES
from dmask_node.records.jobs import JobState
from tests.factories import VL_PHOTOGRAPHIC, a_photo_instance
from tests.integration.receive.test_storage_scp import Scp
from tests.nodes import store, wait_until

OTHERS = {
    "Enhanced SR": "1.2.840.10008.5.1.4.1.1.88.22",
    "Encapsulated PDF": "1.2.840.10008.5.1.4.1.1.104.1",
    "Encapsulated STL": "1.2.840.10008.5.1.4.1.1.104.3",
    "General ECG Waveform": "1.2.840.10008.5.1.4.1.1.9.1.2",
    "CT Image": "1.2.840.10008.5.1.4.1.1.2",
    "Raw Data": "1.2.840.10008.5.1.4.1.1.66",
}
NOT_SUPPORTED = 0x0122
ABORTED = -2
SECRET = "Kowalska^Wanda"


@pytest.fixture
def refusing(tmp_path: Path) -> Iterator[Scp]:
    scp = Scp(tmp_path / "state", drain_s=1.0)
    yield scp
    scp.scp.stop()


@pytest.fixture
def keeping(tmp_path: Path) -> Iterator[Scp]:
    scp = Scp(tmp_path / "state", drain_s=1.0, other_objects="quarantine")
    yield scp
    scp.scp.stop()


def an_object(sop_class_uid: str, **attributes: object) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = UID(sop_class_uid), generate_uid()
    dataset.PatientName, dataset.PatientID = SECRET, "80010112345"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def sent(node: Scp, dataset: Dataset, *, context: str | None = None) -> int:
    """Store an object; return the status, or -1 where the context is not even accepted."""
    entity = AE("STORESCU")
    entity.add_requested_context(context or dataset.SOPClassUID, ExplicitVRLittleEndian)
    association = entity.associate("127.0.0.1", node.port, ae_title="DMASK")
    if not association.is_established:
        return -1
    if context is not None:  # let it lie about the class
        accepted = association.accepted_contexts[0]
        vars(association)["_get_valid_context"] = lambda *_, **__: accepted
    try:
        return int(association.send_c_store(dataset).get("Status", ABORTED))
    finally:
        association.release()


@pytest.mark.parametrize("kind", OTHERS)
def test_other_objects_are_answered_that_their_class_is_not_supported(
    refusing: Scp, kind: str
) -> None:
    assert sent(refusing, an_object(OTHERS[kind])) == NOT_SUPPORTED
    assert not refusing.spool.ledger.jobs()
    assert list(refusing.spool.incoming.iterdir()) == []
    [record] = refusing.journal.records()
    assert (record["event"], record["outcome"]) == ("not_accepted", "refused")
    assert record["facts"]["reason"] == "sop_class_not_supported"
    assert record["facts"]["sop_class_uid"] == OTHERS[kind]
    assert "Kowalska" not in json.dumps(record)


def test_a_large_one_is_dropped_as_it_comes(refusing: Scp) -> None:
    large = an_object(OTHERS["Encapsulated PDF"], EncapsulatedDocument=bytes(30 << 20))
    names: set[str] = set()
    sizes: set[int] = set()
    incoming = refusing.scp._free_bytes  # asked at every look at the disk

    def look() -> int:
        for file in refusing.spool.incoming.iterdir():
            names.add(file.name)
            sizes.add(file.stat().st_size)
        return incoming()

    refusing.scp._free_bytes = look
    assert sent(refusing, large) == NOT_SUPPORTED
    assert sizes <= {0}, "nothing of it is on disk, even in passing"
    tracemalloc.start()
    assert sent(refusing, large) == NOT_SUPPORTED
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * (30 << 20), "the sender's own copies; no second one on this side"
    assert list(refusing.spool.incoming.iterdir()) == []


def test_where_the_site_wants_to_see_them_they_are_kept_and_refused_all_the_same(
    keeping: Scp,
) -> None:
    for uid in OTHERS.values():
        assert sent(keeping, an_object(uid)) == NOT_SUPPORTED
    jobs = keeping.spool.ledger.jobs(JobState.QUARANTINED)
    assert {job.sop_class_uid for job in jobs} == set(OTHERS.values())
    assert {job.reason for job in jobs} == {"sop_class_not_supported"}
    for job in jobs:
        folder = keeping.spool.quarantine / job.key
        assert b"Kowalska" in (folder / "object.dcm").read_bytes()
        assert "Kowalska" not in (folder / "reason.json").read_text()
    assert set(keeping.events()) == {"quarantined"}
    assert list(keeping.spool.incoming.iterdir()) == []


def test_every_storage_class_is_negotiated_and_only_the_listed_ones_are_taken(
    refusing: Scp,
) -> None:
    classes = {str(context.abstract_syntax) for context in AllStoragePresentationContexts}
    assert classes <= OTHER_SOP_CLASSES | set(ACCEPTED)
    assert not OTHER_SOP_CLASSES & set(ACCEPTED)
    assert len(OTHER_SOP_CLASSES) > 140
    entity = AE("STORESCU")
    for uid in sorted(OTHER_SOP_CLASSES)[:120]:
        entity.add_requested_context(uid, ["1.2.840.10008.1.2", "1.2.840.10008.1.2.4.50"])
    association = entity.associate("127.0.0.1", refusing.port, ae_title="DMASK")
    assert len(association.accepted_contexts) == 120
    association.release()


@pytest.mark.parametrize("setting", ["refuse", "quarantine"])
def test_a_class_that_is_no_class_is_told_nowhere(tmp_path: Path, setting: str) -> None:
    scp = Scp(tmp_path / "state", drain_s=1.0, other_objects=setting)
    planted = "1.2.840.80010112345"  # a record number where a class should be
    try:
        dataset = an_object(planted)
        assert sent(scp, dataset, context="1.2.840.10008.5.1.4.1.1.2") == ABORTED
        wait_until(lambda: not list(scp.spool.incoming.iterdir()))
        told = json.dumps(list(scp.journal.records()))
        told += str([job.sop_class_uid for job in scp.spool.ledger.jobs()])
        assert "80010112345" not in told
    finally:
        scp.scp.stop()


def test_a_photograph_under_another_class_s_context_is_a_mismatch(
    refusing: Scp, tmp_path: Path
) -> None:
    """It could come in a transfer syntax that its own class is not accepted in."""
    dataset = an_object(VL_PHOTOGRAPHIC)
    assert sent(refusing, dataset, context=OTHERS["CT Image"]) == 0xA900
    [job] = refusing.spool.ledger.jobs(JobState.QUARANTINED)
    assert job.reason == "data_set_mismatch"


def test_photographs_are_taken_as_before(refusing: Scp, tmp_path: Path) -> None:
    assert store(refusing.port, a_photo_instance(tmp_path / "p.dcm")) == 0x0000
    assert len(refusing.spool.ledger.jobs(JobState.RECEIVED)) == 1

"""What can't be masked gets the right answer, and the node goes on working."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.encaps import generate_fragments, itemize_fragment
from pydicom.uid import UID

from tests.e2e.camera import a_recording
from tests.e2e.peers import Node, Orthanc
from tests.factories import a_video_instance

pytestmark = pytest.mark.e2e


@pytest.fixture
def node(orthanc: Orthanc, make_node: Callable[..., Node], carphone: Path, tmp_path: Path) -> Node:
    """A node that must still mask a good recording when the test is over."""
    return make_node()


@pytest.fixture(autouse=True)
def _goes_on_working(
    node: Node, orthanc: Orthanc, carphone: Path, tmp_path: Path
) -> Iterator[None]:
    yield
    assert node.running()
    stored = len(orthanc.instances())
    good = a_recording(tmp_path / "good.dcm", carphone, seconds=0.5)
    assert node.storescu(good).returncode == 0
    orthanc.wait_for(stored + 2)


def test_a_file_that_is_not_dicom_is_refused_by_the_command_line(
    node: Node, tmp_path: Path
) -> None:
    junk = tmp_path / "junk.bin"
    junk.write_bytes(b"\x00junk" * 4000)
    done = node.dmask("mask", str(junk), str(tmp_path / "out"), "--json")
    assert done.returncode == 1
    assert '"error": "not_dicom"' in done.stdout or '"error": "undecodable"' in done.stdout
    assert list((tmp_path / "out").glob("*")) == []


def test_a_truncated_video_goes_to_quarantine(
    node: Node, orthanc: Orthanc, carphone: Path, tmp_path: Path
) -> None:
    whole = a_recording(tmp_path / "whole.dcm", carphone, seconds=3)
    dataset = dcmread(whole)
    payload = b"".join(list(generate_fragments(dataset.PixelData))[1:])
    cut = payload[: len(payload) // 2]
    cut += b"\0" * (len(cut) % 2)
    dataset.PixelData = b"\xfe\xff\x00\xe0\x00\x00\x00\x00" + itemize_fragment(cut)
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(tmp_path / "truncated.dcm")
    assert node.storescu(tmp_path / "truncated.dcm").returncode == 0
    (job,) = node.wait_for_states("quarantined")
    assert job["reason"] in {"truncated_video", "undecodable"}
    assert job["hint"]
    assert list((node.state / "quarantine").glob("*/object.dcm"))
    assert orthanc.instances() == []


def test_a_video_without_a_face_goes_to_quarantine(
    node: Node, orthanc: Orthanc, tmp_path: Path
) -> None:
    assert node.storescu(a_video_instance(tmp_path / "wall.dcm", n_frames=30)).returncode == 0
    (job,) = node.wait_for_states("quarantined")
    assert job["reason"] == "too_few_faces"
    assert orthanc.instances() == []


def test_an_unsupported_sop_class_is_answered_so_and_leaves_nothing(
    node: Node, tmp_path: Path
) -> None:
    dataset = dcmread(a_video_instance(tmp_path / "wall.dcm"))
    document = UID("1.2.840.10008.5.1.4.1.1.104.1")  # Encapsulated PDF: can hold a face
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = document
    dataset.save_as(tmp_path / "document.dcm")
    sent = node.storescu(tmp_path / "document.dcm")
    assert sent.returncode != 0
    assert "0122" in sent.stdout + sent.stderr or "SOPClassNotSupported" in (
        sent.stdout + sent.stderr
    )
    assert node.jobs() == []
    assert list((node.state / "incoming").iterdir()) == []
    assert any(r["facts"].get("reason") == "sop_class_not_supported" for r in node.audit())


def test_an_unknown_calling_ae_title_is_rejected(
    node: Node, carphone: Path, tmp_path: Path
) -> None:
    good = a_recording(tmp_path / "recording.dcm", carphone, seconds=0.5)
    sent = node.storescu(good, calling="STRANGER")
    assert sent.returncode != 0
    assert "Calling AE Title Not Recognized" in sent.stdout + sent.stderr
    assert node.jobs() == []
    assert any(r["event"] == "association_rejected" for r in node.audit())


def test_a_dataset_that_is_no_dicom_is_answered_with_a_failure(node: Node, tmp_path: Path) -> None:
    """The bytes of a C-STORE need not be a data set; DCMTK would not send such, so we do."""
    script = tmp_path / "hostile.py"
    script.write_text(
        """
import sys
import pynetdicom.association
from pydicom.dataset import Dataset, FileMetaDataset
from pynetdicom import AE
ae = AE("STORESCU")
cls, ts = "1.2.840.10008.5.1.4.1.1.77.1.4.1", "1.2.840.10008.1.2.4.102"
ae.add_requested_context(cls, ts)
assoc = ae.associate("127.0.0.1", int(sys.argv[1]), ae_title="DMASK")
assert assoc.is_established
dataset = Dataset()
dataset.SOPClassUID, dataset.SOPInstanceUID = cls, "1.2.3.4"
dataset.file_meta = FileMetaDataset()
dataset.file_meta.TransferSyntaxUID = ts
pynetdicom.association.encode = lambda *_: b"PLANTED junk, no data set at all" * 40
print(f"0x{assoc.send_c_store(dataset).Status:04X}")
assoc.release()
"""
    )
    done = node.net.run([sys.executable, str(script), str(node.port)])
    assert done.stdout.strip() in {"0xC000", "0xA900"}, done.stdout + done.stderr
    assert "PLANTED" not in node.log()

"""Sending to real archives: DCMTK's storescp, and one that answers as a test needs it."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from dmask_node.forward.scu import (
    AssociationLost,
    AssociationRefused,
    ContextRefused,
    DestinationBusy,
    DestinationRefused,
    DestinationUnreachable,
    Outgoing,
    echo,
    send,
)
from dmask_node.forward.settings import Destination
from tests.factories import H264_41, VIDEO_PHOTOGRAPHIC, a_video_instance
from tests.nodes import Archive, a_free_port, echoscu, wait_until

ENHANCED_SR = "1.2.840.10008.5.1.4.1.1.88.22"


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outgoing, Outgoing]:
    folder = tmp_path_factory.mktemp("out")
    report = Dataset()
    report.SOPClassUID, report.SOPInstanceUID = ENHANCED_SR, generate_uid()
    report.ensure_file_meta()
    report.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    report.save_as(folder / "report.dcm", enforce_file_format=True)
    return (
        Outgoing(
            role="video",
            path=a_video_instance(folder / "video.dcm", n_frames=3),
            sop_class_uid=VIDEO_PHOTOGRAPHIC,
            transfer_syntax_uid=H264_41,
        ),
        Outgoing(
            role="report",
            path=folder / "report.dcm",
            sop_class_uid=ENHANCED_SR,
            transfer_syntax_uid=str(ExplicitVRLittleEndian),
        ),
    )


class Dcmtk:
    """DCMTK's storescp."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.port = a_free_port()
        self._process = subprocess.Popen(
            ["storescp", "-od", str(folder), *options, str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: echoscu(self.port, called="ARCHIVE"))

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


@pytest.fixture
def dcmtk(tmp_path: Path) -> Iterator[Dcmtk]:
    archive = Dcmtk(tmp_path, "+xa")
    yield archive
    archive.close()


def to(port: int, **more: object) -> Destination:
    return Destination(port=port, timeout_s=3.0, **more)  # type: ignore[arg-type]


def delivered_to(port: int, objects: tuple[Outgoing, ...]) -> list[str]:
    taken: list[str] = []
    send(to(port), objects, lambda outgoing, _: taken.append(outgoing.role))
    return taken


def test_video_and_report_arrive_in_order_byte_for_byte(
    dcmtk: Dcmtk, objects: tuple[Outgoing, Outgoing]
) -> None:
    assert delivered_to(dcmtk.port, objects) == ["video", "report"]
    got = [dcmread(path) for path in dcmtk.folder.iterdir()]
    assert {str(d.SOPClassUID) for d in got} == {VIDEO_PHOTOGRAPHIC, ENHANCED_SR}
    [video] = [d for d in got if d.SOPClassUID == VIDEO_PHOTOGRAPHIC]
    assert video.PixelData == dcmread(objects[0].path).PixelData
    assert video.file_meta.TransferSyntaxUID == H264_41


def test_an_archive_that_takes_no_video_is_a_matter_for_a_person(
    tmp_path: Path, objects: tuple[Outgoing, Outgoing]
) -> None:
    archive = Dcmtk(tmp_path)  # without an option storescp takes uncompressed objects only
    with pytest.raises(ContextRefused):
        delivered_to(archive.port, objects)
    with pytest.raises(ContextRefused):
        delivered_to(archive.port, objects[:1])
    assert not list(tmp_path.iterdir())
    archive.close()


def test_an_archive_that_does_not_know_us_is_a_matter_for_a_person(
    objects: tuple[Outgoing, Outgoing],
) -> None:
    archive = Archive(a_free_port())
    with pytest.raises(AssociationRefused):
        send(to(archive.port, ae_title="OTHER"), objects, lambda *_: None)
    with pytest.raises(AssociationRefused):
        echo(to(archive.port, ae_title="OTHER"))
    archive.close()


def test_an_archive_that_is_not_there_may_come(objects: tuple[Outgoing, Outgoing]) -> None:
    with pytest.raises(DestinationUnreachable):
        delivered_to(a_free_port(), objects)
    with pytest.raises(DestinationUnreachable):
        echo(to(a_free_port()))


def test_an_archive_that_says_nothing_is_given_up_in_time(
    objects: tuple[Outgoing, Outgoing],
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(DestinationUnreachable),
    ):
        send(Destination(port=silent.getsockname()[1], timeout_s=0.5), objects, lambda *_: None)


def test_an_archive_with_a_fault_of_its_own_is_a_matter_for_a_person(
    objects: tuple[Outgoing, Outgoing],
) -> None:
    archive = Archive(a_free_port(), lambda _: 1 // 0)  # the library answers 0xC211, then goes on
    statuses: list[int] = []
    with pytest.raises(DestinationRefused):
        send(to(archive.port), objects, lambda *_: None, statuses.append)
    assert statuses == [0xC211]
    archive.close()


def test_an_association_that_breaks_is_lost_not_refused(
    objects: tuple[Outgoing, Outgoing],
) -> None:
    def hang_up(_: str) -> int:
        for association in archive._server.active_associations:
            threading.Thread(target=association.abort).start()
        import time

        time.sleep(0.5)
        return 0

    archive = Archive(a_free_port(), hang_up)
    with pytest.raises(AssociationLost):
        delivered_to(archive.port, objects)
    archive.close()


@pytest.mark.parametrize(
    ("status", "error"),
    [(0xA700, DestinationBusy), (0xA900, DestinationRefused), (0x0122, DestinationRefused)],
)
def test_a_failure_stops_the_sending_and_tells_its_status(
    objects: tuple[Outgoing, Outgoing], status: int, error: type[Exception]
) -> None:
    archive = Archive(a_free_port(), lambda _: status)
    told: list[int] = []
    taken: list[str] = []
    with pytest.raises(error):
        send(to(archive.port), objects, lambda o, _: taken.append(o.role), told.append)
    assert (told, taken) == ([status], [])
    archive.close()


def test_a_duplicate_is_there_already(objects: tuple[Outgoing, Outgoing]) -> None:
    archive = Archive(a_free_port(), lambda _: 0x0111)
    assert delivered_to(archive.port, objects) == ["video", "report"]
    archive.close()


def test_echo_tells_how_long_it_took(dcmtk: Dcmtk) -> None:
    assert 0 < echo(to(dcmtk.port)) < 3

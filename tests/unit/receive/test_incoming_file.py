"""Files that objects are received into."""

import os
from pathlib import Path

import pytest
from pynetdicom import dimse_messages

from dmask_node.receive.admission import ObjectTooLarge, OutOfResources, SopClassNotSupported
from dmask_node.receive.incoming import IncomingFile, receive_into


def no_limit(_: int) -> None:
    """Let everything in."""


def any_class(_: str) -> None:
    """Let every class in."""


def test_what_is_written_is_there(tmp_path: Path) -> None:
    file = IncomingFile(tmp_path, no_limit, any_class)
    file.write(b"one")
    file.file.flush()
    file.write(b"two")
    file.close()
    path = Path(file.name)
    assert path.read_bytes() == b"onetwo"
    assert path.parent == tmp_path
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_disk_that_is_full_refuses_the_object_and_raises_nothing(tmp_path: Path) -> None:
    file = IncomingFile(tmp_path, no_limit, any_class)
    assert file._descriptor is not None
    os.close(file._descriptor)
    file._descriptor = os.open("/dev/full", os.O_WRONLY)
    assert file.write(b"x" * 100) == 100
    assert isinstance(file.refused, OutOfResources)
    assert file.write(b"more") == 4
    file.close()


def test_a_folder_that_is_gone_refuses_the_object_and_raises_nothing(tmp_path: Path) -> None:
    file = IncomingFile(tmp_path / "gone", no_limit, any_class)
    file.write(b"x")
    file.close()
    assert isinstance(file.refused, OutOfResources)


def test_an_object_that_grows_too_long_gives_its_disk_space_back(tmp_path: Path) -> None:
    def at_most_20_mb(size: int) -> None:
        if size > 20e6:
            raise ObjectTooLarge

    file = IncomingFile(tmp_path, at_most_20_mb, any_class)
    for _ in range(50):
        file.write(bytes(1 << 20))
    file.close()
    assert isinstance(file.refused, ObjectTooLarge)
    assert Path(file.name).stat().st_size == 0


def test_the_library_opens_its_files_where_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dimse_messages, "NamedTemporaryFile", None)  # put back at the end
    receive_into(tmp_path, no_limit, any_class)
    file = vars(dimse_messages)["NamedTemporaryFile"](delete=False, mode="wb", suffix=".dcm")
    assert Path(file.name).parent == tmp_path
    file.close()


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_an_object_of_a_class_that_is_not_read_is_dropped_from_its_first_byte(
    tmp_path: Path, step: int
) -> None:
    asked: list[str] = []

    def no_reports(sop_class_uid: str) -> None:
        asked.append(sop_class_uid)
        raise SopClassNotSupported

    element = b"\x02\x00\x02\x00UI\x1e\x001.2.840.10008.5.1.4.1.1.88.22\0"
    content = bytes(128) + b"DICM" + b"\x02\x00\x00\x00UL\x04\x00\0\0\0\0" + element + b"x" * 5000
    file = IncomingFile(tmp_path, no_limit, no_reports)
    for at in range(0, len(content), step):
        file.write(content[at : at + step])
    file.close()
    assert asked == ["1.2.840.10008.5.1.4.1.1.88.22"]
    assert isinstance(file.refused, SopClassNotSupported)
    assert Path(file.name).stat().st_size == 0


def test_a_class_that_is_read_is_asked_for_once(tmp_path: Path) -> None:
    asked: list[str] = []
    element = b"\x02\x00\x02\x00UI\x04\x001.2\0"
    file = IncomingFile(tmp_path, no_limit, asked.append)
    file.write(element)
    file.write(element * 100)
    file.close()
    assert asked == ["1.2"]
    assert Path(file.name).read_bytes() == element * 101

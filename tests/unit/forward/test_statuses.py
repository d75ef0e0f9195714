"""What an archive's answer means."""

import pytest
from pydantic import ValidationError

from dmask_node.errors import Permanent, Transient
from dmask_node.forward.scu import failure
from dmask_node.forward.settings import Destination, ForwardSettings


@pytest.mark.parametrize("status", [0x0000, 0xB000, 0xB006, 0xB007, 0x0001, 0x0111])
def test_the_object_is_there(status: int) -> None:
    assert failure(status) is None


@pytest.mark.parametrize("status", [0xA700, 0xA701, 0x0110, 0x0213])
def test_it_may_be_there_next_time(status: int) -> None:
    assert isinstance(failure(status), Transient)


@pytest.mark.parametrize("status", [0xA900, 0xC000, 0xC123, 0x0122, 0x0124, 0x0117, 0xFFFF])
def test_it_never_will(status: int) -> None:
    error = failure(status)
    assert isinstance(error, Permanent)
    assert f"0x{status:04X}" in str(error)


def test_the_default_destination_is_an_archive_on_this_machine() -> None:
    [archive] = ForwardSettings().destinations
    assert (archive.name, archive.ae_title, archive.host, archive.port) == (
        "archive",
        "ARCHIVE",
        "127.0.0.1",
        11113,
    )


def test_two_destinations_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="named twice: archive"):
        ForwardSettings(destinations=(Destination(), Destination(port=11114)))


def test_a_node_without_a_destination_is_refused() -> None:
    with pytest.raises(ValidationError):
        ForwardSettings(destinations=())

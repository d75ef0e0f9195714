"""Who is let in, and what a sender is told."""

import pytest
from pydantic import ValidationError

from dmask_node.errors import DmaskError, Permanent, Transient
from dmask_node.receive import admission
from dmask_node.receive.contexts import ACCEPTED, VIDEO_SOP_CLASSES, VIDEO_TRANSFER_SYNTAXES
from dmask_node.receive.settings import ReceiveSettings

SETTINGS = ReceiveSettings(
    calling_ae_titles=("CAMERA",), max_object_bytes=2**20, min_free_bytes=1000
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (admission.OutOfResources(), 0xA700),
        (admission.ObjectTooLarge(), 0xA700),
        (admission.DataSetMismatch(), 0xA900),
        (admission.CannotUnderstand(), 0xC000),
        (admission.SopClassNotSupported(), 0x0122),
        (admission.NotAuthorised(), 0x0124),
        (Transient("the journal, say"), 0xA700),
        (Permanent("something else"), 0xA700),
        (OSError("disk"), 0xA700),
        (ValueError("a fault of our own"), 0xA700),
    ],
)
def test_no_error_is_answered_success(error: Exception, status: int) -> None:
    assert admission.status_of(error) == status


def test_every_refusal_of_the_room_has_a_status_a_reason_and_a_hint() -> None:
    refusals = [
        kind
        for kind in vars(admission).values()
        if isinstance(kind, type)
        and issubclass(kind, DmaskError)
        and kind.__module__ == admission.__name__
    ]
    assert len(refusals) == len(admission.STATUS) == 6
    for kind in refusals:
        assert kind in admission.STATUS
        assert kind.reason != DmaskError.reason
        assert kind.hint


def test_a_caller_on_the_list_is_let_in_spaces_around_its_title_do_not_count() -> None:
    admission.require_caller("CAMERA          ", SETTINGS)
    for title in ("camera", "CAMERA2", ""):
        with pytest.raises(admission.NotAuthorised):
            admission.require_caller(title, SETTINGS)


def test_anybody_is_let_in_only_when_that_was_asked_for() -> None:
    admission.require_caller("WHOEVER", ReceiveSettings(any_caller=True))


def test_an_object_needs_room() -> None:
    admission.require_room(2**20, 1000, SETTINGS)
    with pytest.raises(admission.OutOfResources):
        admission.require_room(2**20, 999, SETTINGS)
    with pytest.raises(admission.ObjectTooLarge):
        admission.require_room(2**20 + 1, 10**9, SETTINGS)


def test_a_title_that_is_no_plain_title_stands_in_no_record() -> None:
    assert admission.plain_ae_title(" CAMERA_1 ") == "CAMERA_1"
    assert admission.plain_ae_title("DOE^JANE") == "?"
    assert admission.plain_ae_title("") == "?"
    assert admission.plain_ae_title("KAMERA\u00c4") == "?"


def test_a_setting_with_a_title_no_peer_can_have_is_refused() -> None:
    with pytest.raises(ValidationError):
        ReceiveSettings(calling_ae_titles=("SEVENTEEN_LETTERS",))
    with pytest.raises(ValidationError):
        ReceiveSettings(maximum_pdu_bytes=0)


def test_a_video_class_is_taken_in_every_video_syntax_and_in_no_other() -> None:
    for sop_class in VIDEO_SOP_CLASSES:
        assert ACCEPTED[sop_class] == VIDEO_TRANSFER_SYNTAXES
    assert len(set(VIDEO_TRANSFER_SYNTAXES)) == 16
    assert not [s for s in VIDEO_TRANSFER_SYNTAXES if not s.startswith("1.2.840.10008.1.2.4.10")]

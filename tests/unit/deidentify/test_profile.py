"""What a profile may say, and which options it then declares."""

import pytest
from pydantic import ValidationError

from dmask_node.deidentify.profile import ALWAYS, AddedCode, Device, Keep, Profile

CAMERA = {"manufacturer": "Acme Optics", "model": "FaceCam 3"}
ADDED = {"attribute": "PatientPosition", "enum": ["HFS"]}


def test_by_default_the_least_that_can_be_said_is_said() -> None:
    profile = Profile()
    assert profile.options() == {"113100", "113101", "113102", "113105"}
    assert not profile.modified_dates
    assert not profile.retain_patient_characteristics
    assert not profile.devices
    assert not profile.extra_keep
    assert profile.default_study_description == "Facial photography (masked)"
    assert {"113100", "113101", "113102"} == ALWAYS


@pytest.mark.parametrize(
    ("says", "declared"),
    [
        ({"modified_dates": True}, {"113107"}),
        ({"retain_patient_characteristics": True}, {"113108"}),
        ({"devices": [CAMERA]}, {"113109"}),
        ({"clean_descriptors": True}, {"113105"}),
        ({"extra_keep": [ADDED]}, set()),
        ({"study_descriptions": ["x"], "series_descriptions": ["x"]}, set()),
    ],
)
def test_each_option_is_declared_when_the_profile_says_so(
    says: dict[str, object], declared: set[str]
) -> None:
    assert Profile.model_validate({"clean_descriptors": False, **says}).options() == (
        ALWAYS | declared
    )


@pytest.mark.parametrize(
    "says",
    [
        {"keep_dates": True},
        {"study_descriptions": ["Ptosis", "PTOSIS"]},
        {"series_descriptions": ["Ptosis", "PTOSIS"]},
        {"series_descriptions": ["a\\b"]},
        {"default_study_description": ""},
        {"default_study_description": "x" * 65},
        {"devices": [CAMERA, {"manufacturer": "ACME OPTICS", "model": "facecam 3"}]},
        {"devices": [{"manufacturer": "Acme"}]},
        {"devices": [{"model": "FaceCam"}]},
        {"devices": [{**CAMERA, "serial": "1"}]},
        {"devices": [{**CAMERA, "name": ""}]},
        {"devices": [{**CAMERA, "model": "x" * 65}]},
        {"devices": [{**CAMERA, "manufacturer": "a\\b"}]},
        {"extra_keep": [{"attribute": "PatientPosition"}]},
        {"extra_keep": [{**ADDED, "integer": [1, 2]}]},
        {"extra_keep": [{**ADDED, "enum": []}]},
        {"extra_keep": [{**ADDED, "classes": []}]},
        {"extra_keep": [{**ADDED, "classes": ["image", "image"]}]},
        {"extra_keep": [{**ADDED, "classes": ["video"]}]},
        {"extra_keep": [{**ADDED, "copy": True}]},
        {"extra_keep": [{"attribute": "AcquisitionNumber", "integer": [1]}]},
        {"extra_keep": [{"attribute": "ProtocolName", "vocabulary": ["x", "X"]}]},
        {"extra_keep": [{"attribute": "ProtocolName", "vocabulary": ["x" * 65]}]},
        {"extra_keep": [{"attribute": "ProcedureCodeSequence", "codes": [{"value": "1"}]}]},
    ],
)
def test_what_could_not_stand_in_an_object_is_refused(says: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Profile.model_validate(says)


def test_two_cameras_of_one_maker_are_two() -> None:
    other = {"manufacturer": "Acme Optics", "model": "FaceCam 4"}
    assert len(Profile.model_validate({"devices": [CAMERA, other]}).devices) == 2


def test_exactly_one_grammar_is_asked_for() -> None:
    with pytest.raises(ValidationError, match="exactly one of enum, codes, integer, vocabulary"):
        Keep(attribute="PatientPosition")
    assert Keep(attribute="A", enum=("X",)).kind == "enum"
    assert Keep(attribute="A", integer=(0, 0)).kind == "integer"
    assert Keep(attribute="A", vocabulary=("x",)).kind == "vocabulary"
    code = AddedCode(value="1", scheme="99X", meaning="One")
    assert Keep(attribute="A", codes=(code,)).kind == "codes"
    assert Keep(attribute="A", enum=("X",)).classes == ("image",)


@pytest.mark.parametrize(("field", "most"), [("value", 16), ("scheme", 16), ("meaning", 64)])
def test_a_code_fits_its_value_representations(field: str, most: int) -> None:
    parts = {"value": "1", "scheme": "99X", "meaning": "One"}
    AddedCode.model_validate({**parts, field: "x" * most})
    for bad in ("x" * (most + 1), "", "a\\b"):
        with pytest.raises(ValidationError):
            AddedCode.model_validate({**parts, field: bad})


def test_the_digest_tells_two_profiles_apart() -> None:
    digests = {
        Profile().digest(),
        Profile(modified_dates=True).digest(),
        Profile(study_descriptions=("x",)).digest(),
        Profile(devices=(Device(manufacturer="a", model="b"),)).digest(),
    }
    assert len(digests) == 4
    assert Profile().digest() == Profile().digest()
    assert all(len(digest) == 64 for digest in digests)


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (
            {"devices": [CAMERA, CAMERA]},
            "two devices differ only in letter case, spaces or Unicode form",
        ),
        (
            {"study_descriptions": ["a", "A"]},
            "two entries differ only in letter case, spaces or Unicode form",
        ),
        (
            {"extra_keep": [{"attribute": "A"}]},
            "needs exactly one of enum, codes, integer, vocabulary; has 0",
        ),
        (
            {"extra_keep": [{**ADDED, "integer": [1, 2]}]},
            "needs exactly one of enum, codes, integer, vocabulary; has 2",
        ),
        (
            {"extra_keep": [{**ADDED, "classes": []}]},
            "classes names image, report, or both, each once",
        ),
    ],
)
def test_a_refusal_says_what_is_wrong(says: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Profile.model_validate(says)
    assert [mistake["msg"] for mistake in refused.value.errors()] == [f"Value error, {told}"]


def test_a_profile_and_what_it_holds_can_not_be_changed() -> None:
    profile = Profile.model_validate({"devices": [CAMERA], "extra_keep": [ADDED]})
    (device,), (keep,) = profile.devices, profile.extra_keep
    code = AddedCode(value="1", scheme="99X", meaning="One")
    for record, field in ((profile, "devices"), (device, "model"), (keep, "enum"), (code, "value")):
        with pytest.raises(ValidationError):
            setattr(record, field, ())

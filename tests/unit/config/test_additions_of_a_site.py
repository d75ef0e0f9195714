"""A site's additions are judged when the settings are read, all at once."""

from pathlib import Path

import pytest

from dmask_node.config import load_settings
from dmask_node.deidentify.profile import Profile
from dmask_node.errors import SettingsRefused

GOOD = """
[profiles.default]
study_descriptions = ["Ptosis clinic", { regex = "lid.*", send = "Lids" }]
modified_dates = true
retain_patient_characteristics = true

[[profiles.default.devices]]
manufacturer = "Acme Optics"
model = "FaceCam 3"

[[profiles.default.extra_keep]]
attribute = "ProtocolName"
classes = ["image", "report"]
vocabulary = ["Ptosis"]

[[profiles.default.extra_keep]]
attribute = "ProcedureCodeSequence"
codes = [{ value = "S1", scheme = "99SITE", meaning = "Squint clinic" }]

[[profiles.default.extra_keep]]
attribute = "AcquisitionNumber"
integer = [1, 20]
"""


def test_a_profile_with_everything_is_read(tmp_path: Path) -> None:
    file = tmp_path / "dmask.toml"
    file.write_text(GOOD)
    profile = load_settings(file).profiles["default"]
    assert [keep.kind for keep in profile.extra_keep] == ["vocabulary", "codes", "integer"]
    assert profile.options() == {
        "113100", "113101", "113102", "113105", "113107", "113108", "113109",
    }  # fmt: skip


def test_what_the_standard_forbids_stops_the_node_with_every_mistake(tmp_path: Path) -> None:
    file = tmp_path / "dmask.toml"
    file.write_text(
        '[[profiles.default.extra_keep]]\nattribute = "PatientName"\nvocabulary = ["x"]\n'
        '[[profiles.default.extra_keep]]\nattribute = "InstitutionName"\nvocabulary = ["x"]\n'
        '[[profiles.other.extra_keep]]\nattribute = "AcquisitionNumber"\ninteger = [0, 100000]\n'
        "[profiles.good]\n"
    )
    with pytest.raises(SettingsRefused) as refused:
        load_settings(file)
    told = str(refused.value)
    for profile, attribute in (
        ("default", "PatientName"),
        ("default", "InstitutionName"),
        ("other", "AcquisitionNumber"),
    ):
        line = f"{file}: profiles.{profile}.extra_keep {attribute}: "
        assert [each.startswith(line) for each in told.splitlines()].count(True) == 1
    assert "profiles.good" not in told


def test_a_site_s_own_profile_leaves_the_default_one_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "dmask.toml"
    file.write_text("[profiles.research]\nmodified_dates = true\n")
    profiles = load_settings(file).profiles
    assert profiles == {"default": Profile(), "research": Profile(modified_dates=True)}
    file.write_text("[profiles.default]\nmodified_dates = true\n")
    assert load_settings(file).profiles == {"default": Profile(modified_dates=True)}

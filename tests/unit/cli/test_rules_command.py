"""``dmask rules show`` prints the whole policy: for a person, for a program, as a page."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from dmask_node import doctor
from dmask_node.cli.app import app
from dmask_node.config import NodeSettings, Settings
from dmask_node.deidentify import rules
from dmask_node.deidentify.additions import addable
from dmask_node.deidentify.confidentiality_table import load_table
from dmask_node.deidentify.rules import DECLARABLE, Action, RuleForbidden, allow_lists, judge_all
from dmask_node.deidentify.settings import DeidentifySettings
from dmask_node.service import Node

TOP = Path(__file__).parents[3]


def show(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["rules", "show", *arguments])


def shown(*arguments: str) -> dict[str, Any]:
    result = show(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def settings(tmp_path: Path) -> str:
    file = tmp_path / "dmask.toml"
    file.write_text(
        "[profiles.default]\n"
        "[profiles.bare]\nclean_descriptors = false\n"
        "[profiles.research]\nretain_patient_characteristics = true\n"
    )
    return str(file)


def test_a_program_gets_every_row_with_table_options_and_what_is_removed() -> None:
    found = shown()
    rows = judge_all(frozenset(DECLARABLE))
    assert [
        (rule["sop_class_uid"], tuple(rule["path"]), rule["keyword"]) for rule in found["rules"]
    ] == [(row.sop_class_uid, row.path, row.keyword) for row in rows]
    provenance = load_table().provenance
    assert found["table"]["edition"] == provenance.edition
    assert found["table"]["rows_sha256"] == provenance.rows_sha256
    sex = next(rule for rule in found["rules"] if rule["keyword"] == "PatientSex")
    assert sex == {
        "sop_class_uid": sex["sop_class_uid"],
        "path": [],
        "keyword": "PatientSex",
        "tag": "(0010,0040)",
        "concept": "",
        "table_code": "Z",
        "action": "enumerated",
        "source": "Patient's Sex if it is M, F or O",
        "option": "113108",
        "otherwise": "empty",
    }
    removed = {row["tag"]: row for row in found["removed"]}
    assert removed["0010,1040"] == {
        "tag": "0010,1040",
        "name": "Patient's Address",
        "table_code": "X",
    }
    assert "0010,0010" not in removed


def test_a_profile_is_shown_as_it_is(settings: str) -> None:
    for profile, action in (("bare", "empty"), ("research", "enumerated")):
        found = shown("--config", settings, "--profile", profile)
        assert found["profile"] == profile
        sex = {rule["action"] for rule in found["rules"] if rule["keyword"] == "PatientSex"}
        assert sex == {action}
    assert "113105" not in found["profiles"]["bare"]
    assert "113108" in found["profiles"]["research"]


def test_what_a_profile_adds_is_shown_with_its_option(tmp_path: Path) -> None:
    file = tmp_path / "dmask.toml"
    file.write_text(
        '[profiles.default]\n[[profiles.default.extra_keep]]\nattribute = "ProtocolName"\n'
        'vocabulary = ["Ptosis clinic"]\n'
    )
    added = shown("--config", str(file), "--profile", "default")["rules"][-1]
    assert (added["keyword"], added["action"], added["option"]) == (
        "ProtocolName",
        "vocabulary",
        "113105",
    )
    page = show("--config", str(file), "--profile", "default", "--markdown").stdout
    assert "## Added by the site" in page
    assert "Ptosis clinic" not in page


def test_the_page_names_what_a_site_may_add() -> None:
    page = show("--markdown").stdout
    assert "| (0010,21A0) | SmokingStatus | X | enum | 113108 | image, report |" in page
    for keyword in addable():
        assert f" {keyword} |" in page


def test_a_profile_that_is_not_there_is_told(settings: str) -> None:
    result = show("--config", settings, "--profile", "nobody", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"] == "settings_refused"


def test_a_person_sees_each_object_and_where_the_table_comes_from() -> None:
    result = show()
    assert result.exit_code == 0
    for title in ("Enhanced SR Storage", "Video Photographic Image Storage"):
        assert title in result.stdout
    assert "(0008,1030)" in result.stdout
    assert "113105" in result.stdout
    assert "edition 2026d" in result.stdout.replace("\n", " ")
    assert "Everything else is removed" in result.stdout


def test_the_page_is_the_output() -> None:
    result = show("--markdown")
    assert result.stdout == TOP.joinpath("docs", "rules.md").read_text("utf-8"), (
        "run: .venv/bin/python -m tests.doc_tables"
    )


def test_the_page_names_every_attribute_every_action_and_every_row_of_the_table() -> None:
    page = show("--markdown").stdout
    for listed in allow_lists().values():
        for keyword in listed["attributes"]:
            assert f" {keyword} |" in page
    for action in Action:
        assert f"| {action} |" in page
    for row in load_table().rows:
        tag = row.tag if row.tag == "PRIVATE" else f"({row.tag})"
        assert tag in page, row.name


def test_the_page_of_a_profile_says_how_it_was_made(settings: str) -> None:
    page = show("--markdown", "--profile", "bare", "--config", settings).stdout
    assert "`dmask rules show --markdown --profile bare`" in page
    assert "| profile `default` | profile `bare` | profile `research` |" in page
    assert "| Z | empty |  | no value |" in page
    assert "vocabulary, else" not in page


def test_help_shows_an_example() -> None:
    result = show("--help")
    assert result.exit_code == 0
    assert "dmask rules show --profile default" in " ".join(result.stdout.split())


@pytest.fixture
def a_list_that_copies_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = {"attributes": {"PatientName": {"source": "vocabulary"}}, "sop_class_uid": "1.2"}
    monkeypatch.setattr(rules, "allow_lists", lambda: {"changed": listed})


@pytest.mark.usefixtures("a_list_that_copies_a_name")
def test_a_node_does_not_start_on_rules_that_the_table_forbids(tmp_path: Path) -> None:
    settings = Settings(
        node=NodeSettings(state_dir=tmp_path / "state"),
        deidentify=DeidentifySettings(key_file=tmp_path / "master.key"),
    )
    (tmp_path / "master.key").write_bytes(bytes(range(40)))
    (tmp_path / "master.key").chmod(0o600)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RuleForbidden, match="PatientName"):
        Node(settings)
    assert sorted(tmp_path.rglob("*")) == before
    (found,) = [each for each in doctor.examine(settings) if each.what == "rules"]
    assert found.verdict is doctor.Verdict.BAD
    assert "PatientName" in found.found


def test_the_doctor_finds_the_rules_of_the_package_permitted() -> None:
    (found,) = [each for each in doctor.examine(Settings()) if each.what == "rules"]
    assert found.verdict is doctor.Verdict.OK
    assert "2026d" in found.found

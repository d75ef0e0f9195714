"""``dmask vocabulary``: values at the terminal only, every decision in the journal."""

import json
import os
import pty
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from dmask_node.audit.journal import Journal, JournalUnwritable
from dmask_node.cli import person
from dmask_node.cli import vocabulary as command
from dmask_node.cli.app import app
from dmask_node.config import create_keys, load_keys, load_settings, site_vocabulary
from dmask_node.deidentify.keys import MasterKey
from dmask_node.deidentify.site_vocabulary import Decision, SiteVocabulary

NAME = "Portrait of Zimmermann, Anneliese"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setenv("DMASK_NODE__STATE_DIR", str(tmp_path / "state"))
    create_keys(load_settings())
    return tmp_path / "state"


@pytest.fixture
def worker(state: Path) -> SiteVocabulary:
    """The running worker's own, open all the time."""
    vocabulary = site_vocabulary(load_settings(), load_keys(load_settings()))
    vocabulary.unseen("StudyDescription", NAME)
    vocabulary.unseen("StudyDescription", NAME)
    vocabulary.unseen("SeriesDescription", "Gesicht")
    return vocabulary


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, ["vocabulary", *arguments], input=typed)


def as_json(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*arguments, "--json").stdout)
    return found


def records(state: Path) -> list[dict[str, Any]]:
    return list(Journal(state / "audit", "dmask").records())


def the_id(worker: SiteVocabulary, attribute: str) -> str:
    [entry] = [e for e in worker.entries(Decision.PENDING) if e.attribute == attribute]
    return entry.id


def test_the_list_holds_ids_and_numbers_and_values_only_on_demand(
    worker: SiteVocabulary, state: Path
) -> None:
    listed = as_json("list")
    assert [(r["attribute"], r["count"]) for r in listed["pending"]] == [
        ("StudyDescription", 2),
        ("SeriesDescription", 1),
    ]
    assert set(listed["pending"][0]) == {"id", "attribute", "count", "first_seen", "last_seen"}
    plain = run("list").stdout
    assert listed["pending"][0]["id"][:12] in plain
    assert NAME not in plain
    assert not (state / "audit" / "journal.jsonl").exists()
    assert [r["value"] for r in as_json("list", "--show-values")["pending"]] == [NAME, "Gesicht"]
    assert NAME in run("list", "--show-values").stdout
    shown = records(state)
    assert [r["event"] for r in shown] == ["vocabulary_shown"] * 2
    assert all(r["facts"] == {"count": 2, "user": person.user_name()} for r in shown)


def test_values_are_not_listed_if_that_can_not_be_recorded(
    worker: SiteVocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise JournalUnwritable("no space")

    monkeypatch.setattr(Journal, "append", full)
    done = run("list", "--show-values")
    assert done.exit_code == 1
    assert NAME not in done.output


def test_a_decision_holds_in_the_running_worker_and_stands_in_the_journal(
    worker: SiteVocabulary, state: Path
) -> None:
    study, series = the_id(worker, "StudyDescription"), the_id(worker, "SeriesDescription")
    done = as_json("approve", study[:10], "--as", "Portrait")
    assert done == {"approved": study, "attribute": "StudyDescription", "term": "Portrait"}
    assert worker.match("StudyDescription", NAME) == "Portrait"
    assert as_json("approve", series)["term"] == "Gesicht"
    assert worker.match("SeriesDescription", "GESICHT") == "Gesicht"
    approved = as_json("approved")["approved"]
    assert sorted((r["attribute"], r["term"]) for r in approved) == [
        ("SeriesDescription", "Gesicht"),
        ("StudyDescription", "Portrait"),
    ]
    assert {r["id"] for r in approved} == {study, series}
    assert "Portrait" in run("approved").stdout
    assert as_json("reject", study) == {"rejected": study, "attribute": "StudyDescription"}
    assert worker.match("StudyDescription", NAME) is None
    user = person.user_name()
    assert [(r["event"], r["facts"]) for r in records(state)] == [
        (event, {"vocabulary_id": id_, "attribute": attribute, "user": user})
        for event, id_, attribute in (
            ("vocabulary_approved", study, "StudyDescription"),
            ("vocabulary_approved", series, "SeriesDescription"),
            ("vocabulary_rejected", study, "StudyDescription"),
        )
    ]
    journal = (state / "audit" / "journal.jsonl").read_text()
    assert not any(word in journal for word in ("Zimmermann", "Gesicht", "Portrait"))


def test_a_decision_that_can_not_be_recorded_is_not_made(
    worker: SiteVocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise JournalUnwritable("no space")

    monkeypatch.setattr(Journal, "append", full)
    id_ = the_id(worker, "StudyDescription")
    for arguments in (["approve", id_, "--as", "Face"], ["reject", id_]):
        assert as_json(*arguments)["error"] == "journal_unwritable"
    assert len(worker.entries(Decision.PENDING)) == 2


def test_mistakes_are_told_with_what_to_do(worker: SiteVocabulary, state: Path) -> None:
    assert as_json("approve", "nothing")["error"] == "no_such_entry"
    assert as_json("reject", "")["error"] == "no_such_entry"
    wrong = as_json("approve", the_id(worker, "StudyDescription"), "--as", "a\\b")
    assert wrong["error"] == "term_refused"
    assert "--as" in wrong["hint"]
    assert records(state) == []


def test_before_anything_was_seen_the_lists_are_empty(state: Path) -> None:
    assert as_json("list") == {"pending": [], "beyond": {}}
    assert as_json("approved") == {"approved": []}
    assert not (state / "vocabulary").exists()


def test_what_found_no_place_is_counted(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMASK_DEIDENTIFY__MAX_PENDING", "1")
    vocabulary = site_vocabulary(load_settings(), load_keys(load_settings()))
    for text in ("a", "b", "c"):
        vocabulary.unseen("StudyDescription", text)
    assert as_json("list")["beyond"] == {"StudyDescription": 2}
    assert "2 times a StudyDescription" in run("list").stdout
    monkeypatch.setenv("DMASK_DEIDENTIFY__QUEUE_UNSEEN", "false")
    off = site_vocabulary(load_settings(), load_keys(load_settings()))
    off.unseen("StudyDescription", "d")
    assert as_json("list")["beyond"] == {"StudyDescription": 2}


# review


def review(monkeypatch: pytest.MonkeyPatch, typed: str) -> str:
    monkeypatch.setattr(command, "_at_terminal", lambda: True)
    done = run("review", typed=typed)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_review_asks_about_each_value(
    worker: SiteVocabulary, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = review(monkeypatch, "?\ne\n\\\nE\nPortrait\ny\n")
    assert "StudyDescription, seen 2 times" in shown
    assert shown.index(NAME) < shown.index("Gesicht")
    assert "backslash" in shown
    assert "2 decided, 0 wait." in shown
    assert worker.match("StudyDescription", NAME) == "Portrait"
    assert worker.match("SeriesDescription", "gesicht") == "Gesicht"
    events = ["vocabulary_shown", "vocabulary_approved", "vocabulary_approved"]
    assert [r["event"] for r in records(state)] == events
    assert "0 values wait" in review(monkeypatch, "")
    assert len(records(state)) == 3, "nothing was shown"


def test_review_rejects_skips_and_stops(
    worker: SiteVocabulary, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "0 decided, 2 wait." in review(monkeypatch, "q\n")
    assert "0 decided, 2 wait." in review(monkeypatch, "\nS\n")
    assert "1 decided, 1 wait." in review(monkeypatch, "n\nq\n")
    assert worker.match("StudyDescription", NAME) is None
    assert [e.attribute for e in worker.entries(Decision.REJECTED)] == ["StudyDescription"]


def test_what_another_key_sealed_can_only_be_rejected(
    worker: SiteVocabulary, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = load_settings().key_file
    path.write_bytes(os.urandom(32))
    shown = review(monkeypatch, "y\nn\ns\n")
    assert shown.count("sealed under another key") == 2
    assert "key changed" in shown
    assert "1 decided, 1 wait." in shown
    assert "(sealed under another key)" in run("list", "--show-values").stdout


def test_a_value_can_not_steer_the_terminal(
    worker: SiteVocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.unseen("StudyDescription", "\x1b]0;owned\x07[red]\u202eecaF")
    for shown in (review(monkeypatch, "q\n"), review(monkeypatch, "s\ns\ns\n")):
        assert "\x1b" not in shown
    assert "\\x1b]0;owned\\x07[red]\\u202eecaF" in shown
    assert "\\x1b]0;owned\\x07[red]\\u202eecaF" in run("list", "--show-values").stdout


def test_review_shows_nothing_but_at_a_terminal(worker: SiteVocabulary, state: Path) -> None:
    done = run("review", typed="y\ny\n")
    assert done.exit_code == 1
    assert "no_terminal" in done.stderr
    assert NAME not in done.output
    assert len(worker.entries(Decision.PENDING)) == 2


def test_review_works_at_a_real_terminal(worker: SiteVocabulary, state: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "dmask_node", "vocabulary", "review"],
        stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        os.write(ours, b"n\nq\n")
        shown = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
        assert process.wait(30) == 0
    os.close(ours)
    assert NAME.encode() in shown
    assert b"1 decided, 1 wait." in shown


# person


def test_who_it_is_is_told_by_account_and_login(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {0: "root", 5: "anna", 6: "o'neill"}
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: type("P", (), {"pw_name": names[uid]}))
    monkeypatch.setattr(os, "getuid", lambda: 0)
    for login, told in (
        (None, "root"),
        (0, "root"),
        (5, "anna as root"),
        (6, "uid 6 as root"),
        (7, "uid 7 as root"),
    ):
        monkeypatch.setattr(person, "_login", lambda login=login: login)
        assert person.user_name() == told


@pytest.mark.parametrize(
    ("content", "login"), [("1000", 1000), ("4294967295", None), ("", None), (None, None)]
)
def test_the_login_is_the_kernels(
    content: str | None, login: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "loginuid"
    if content is not None:
        file.write_text(content)
    monkeypatch.setattr(person, "Path", lambda _: file)
    assert person._login() == login


def test_a_passing_key_keeps_no_vocabulary(state: Path) -> None:
    from dmask_node.deidentify.vocabulary import NoVocabulary
    from dmask_node.parts import build_parts

    settings = load_settings()
    assert isinstance(build_parts(settings).vocabulary, SiteVocabulary)
    passing = build_parts(settings, master_key=MasterKey.passing())
    assert isinstance(passing.vocabulary, NoVocabulary)

"""``dmask keys``, and the commands that need a key."""

import json
import os
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dmask_node import doctor
from dmask_node.audit.journal import Journal, JournalUnwritable
from dmask_node.cli import mask_file
from dmask_node.cli.app import app
from dmask_node.config import KEY_CREDENTIAL, Settings, load_keys, load_settings
from dmask_node.deidentify.keys import KeyFileExists, KeyMissing, MasterKey
from dmask_node.service import Node


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setenv("DMASK_NODE__STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def records(state: Path) -> list[dict[str, object]]:
    return list(Journal(state / "audit", "dmask").records())


def test_a_key_is_made_where_the_settings_say_recorded_and_told(state: Path) -> None:
    done = run("keys", "create", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    path = state / "keys" / "master.key"
    assert told["key_file"] == str(path)
    assert told["configured"] is told["recorded"] is True
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    key = load_keys(load_settings())
    assert told["fingerprint"] == key.fingerprint()
    [record] = records(state)
    assert record["event"] == "key_created"
    assert record["facts"] == {"key_fingerprint": key.fingerprint()}
    again = run("keys", "create", "--json")
    assert again.exit_code == 1
    assert json.loads(again.stdout)["error"] == "key_file_exists"
    assert load_keys(load_settings()).fingerprint() == key.fingerprint()
    assert len(records(state)) == 1


def test_a_person_is_told_what_to_do_with_a_new_key(state: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "my.key"
    done = run("keys", "create", str(elsewhere))
    fingerprint = MasterKey.from_file(elsewhere).fingerprint()
    assert done.exit_code == 0, done.output
    for words in (fingerprint, "escrow", "volume", f'key_file = "{elsewhere}"', "LoadCredential="):
        assert words in done.stdout
    secret = elsewhere.read_text().strip()
    assert secret not in done.output
    assert "the node's start will name it" in done.stdout
    assert not state.exists()


def test_a_configured_place_is_where_the_key_is_made(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = tmp_path / "etc.key"
    monkeypatch.setenv("DMASK_DEIDENTIFY__KEY_FILE", str(configured))
    done = run("keys", "create")
    assert done.exit_code == 0
    assert "The settings name another place" not in done.stdout
    assert load_keys(load_settings()).fingerprint() in done.stdout
    assert not state.exists()


def test_a_key_whose_record_can_not_be_written_is_not_made(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise JournalUnwritable("no space")

    monkeypatch.setattr(Journal, "append", full)
    done = run("keys", "create", "--json")
    assert json.loads(done.stdout)["error"] == "journal_unwritable"
    assert list((state / "keys").iterdir()) == []


def test_beside_a_key_elsewhere_no_journal_is_begun_but_a_begun_one_is_kept(
    state: Path, tmp_path: Path
) -> None:
    done = run("keys", "create", str(tmp_path / "my.key"), "--json")
    assert json.loads(done.stdout)["recorded"] is False
    assert not state.exists()
    Journal(state / "audit", "dmask").append("node_started", "", "ok")
    done = run("keys", "create", str(tmp_path / "other.key"), "--json")
    assert json.loads(done.stdout)["recorded"] is True
    assert [record["event"] for record in records(state)] == ["node_started", "key_created"]


def test_systemd_gives_the_key_unless_a_file_is_configured(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("keys", "create")
    own = load_keys(load_settings()).fingerprint()
    folder = tmp_path / "credentials"
    folder.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    assert load_keys(load_settings()).fingerprint() == own, "no such credential: the state's own"
    given = folder / KEY_CREDENTIAL
    given.write_bytes(os.urandom(32))
    given.chmod(0o440)
    assert load_settings().key_file == given
    theirs = load_keys(load_settings()).fingerprint()
    assert theirs != own
    refused = run("keys", "create", "--json")
    assert json.loads(refused.stdout)["error"] == "key_file_exists"
    monkeypatch.setenv("DMASK_DEIDENTIFY__KEY_FILE", str(state / "keys" / "master.key"))
    assert load_keys(load_settings()).fingerprint() == own
    monkeypatch.setenv("DMASK_DEIDENTIFY__KEY_FILE", str(tmp_path / "given"))
    (tmp_path / "given").write_bytes(given.read_bytes())
    (tmp_path / "given").chmod(0o440)
    assert "0440" in json.loads(run("keys", "fingerprint", "--json").stdout)["message"]


def test_fingerprints_of_key_and_destinations_are_those_in_the_objects(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "DMASK_FORWARD__DESTINATIONS",
        json.dumps([{"name": "pacs"}, {"name": "trial", "label": "study-b"}]),
    )
    monkeypatch.setenv("DMASK_DEIDENTIFY__EPOCH", "7")
    missing = run("keys", "fingerprint", "--json")
    assert missing.exit_code == 1
    assert json.loads(missing.stdout)["error"] == "key_missing"
    run("keys", "create")
    key = load_keys(load_settings())
    told = json.loads(run("keys", "fingerprint", "--json").stdout)
    assert told["fingerprint"] == key.fingerprint()
    assert told["destinations"] == [
        {
            "destination": name,
            "label": label,
            "epoch": "7",
            "fingerprint": key.keys("7", label).fingerprint(),
        }
        for name, label in (("pacs", "pacs"), ("trial", "study-b"))
    ]
    shown = run("keys", "fingerprint").stdout
    assert all(f in shown for f in (key.fingerprint(), key.keys("7", "study-b").fingerprint()))


def test_a_node_does_not_start_without_a_key_and_touches_nothing(state: Path) -> None:
    with pytest.raises(KeyMissing, match=r"master\.key does not exist"):
        Node(Settings())
    assert not state.exists()


def test_the_first_masking_of_a_file_makes_the_states_key_and_says_so(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings()
    mask_file._require_key(settings)
    made = load_keys(settings).fingerprint()
    told = capsys.readouterr()
    assert told.out == ""
    assert made in told.err
    assert str(settings.key_file) in told.err
    assert [r["facts"] for r in records(state)] == [{"key_fingerprint": made}]
    mask_file._require_key(settings)
    assert load_keys(settings).fingerprint() == made
    assert capsys.readouterr().err == ""


def test_a_configured_key_is_never_made_up(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DMASK_DEIDENTIFY__KEY_FILE", str(tmp_path / "none.key"))
    mask_file._require_key(load_settings())
    with pytest.raises(KeyMissing):
        load_keys(load_settings())
    assert not state.exists()


def test_of_two_first_maskings_the_second_takes_the_firsts_key(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def meanwhile(*_: object) -> None:
        raise KeyFileExists

    monkeypatch.setattr(mask_file, "create_keys", meanwhile)
    mask_file._require_key(load_settings())
    assert capsys.readouterr().err == ""


def test_doctor_says_what_is_wrong_with_the_key(state: Path) -> None:
    missing = doctor._key(load_settings())
    assert missing.verdict is doctor.Verdict.BAD
    assert "dmask keys create" in missing.hint
    run("keys", "create")
    key = load_keys(load_settings())
    found = doctor._key(load_settings())
    assert (found.verdict, found.found) == (doctor.Verdict.OK, f"fingerprint {key.fingerprint()}")
    load_settings().key_file.chmod(0o644)
    readable = doctor._key(load_settings())
    assert readable.verdict is doctor.Verdict.BAD
    assert "0644" in readable.found
    assert readable.hint


def test_doctor_sees_that_the_node_ran_with_another_key(state: Path) -> None:
    run("keys", "create")
    own = load_keys(load_settings()).fingerprint()
    journal = Journal(state / "audit", "dmask")
    journal.append("node_started", "", "ok", {"key_fingerprint": own})
    assert doctor._key(load_settings()).verdict is doctor.Verdict.OK
    journal.append("node_started", "", "ok", {"key_fingerprint": "00112233aabbccdd"})
    other = doctor._key(load_settings())
    assert other.verdict is doctor.Verdict.WARNING
    assert "00112233aabbccdd" in other.found
    assert "escrow" in other.hint

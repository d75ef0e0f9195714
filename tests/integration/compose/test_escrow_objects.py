"""Objects that carry the identity, encrypted: valid, judged by the last gate, opened by command."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from typer.testing import CliRunner, Result

from dmask_node.audit.journal import Journal, JournalUnwritable
from dmask_node.check.outgoing import WouldLeak, check_outgoing
from dmask_node.cli.app import app
from dmask_node.deidentify.escrow import seal_identity
from dmask_node.records.masked import MaskedStudy
from tests.certificates import a_certificate, a_private_key, der, pem_key
from tests.factories import a_header
from tests.outgoing import a_masked_study, clean

DCIODVFY = Path(sys.executable).with_name("dciodvfy")
BOARD = der(a_certificate("board", serial=0xABCDEF))
OTHER = der(a_certificate("ombudsman"))


def a_source() -> Dataset:
    source = a_header(identity=True)
    source.IssuerOfPatientID = "St Elsewhere"
    return source


def made(folder: Path, source: Dataset, recipients: tuple[bytes, ...] = (BOARD,)) -> MaskedStudy:
    header = replace(clean(source), escrow=(seal_identity(source, recipients),))
    study = a_masked_study(folder, header)
    check_outgoing(study, source, header, recipients=recipients)
    return study


@pytest.fixture(scope="module")
def source() -> Dataset:
    return a_source()


@pytest.fixture(scope="module")
def study(source: Dataset, tmp_path_factory: pytest.TempPathFactory) -> MaskedStudy:
    """To the board alone."""
    return made(tmp_path_factory.mktemp("study"), source)


@pytest.mark.parametrize("recipients", [(BOARD,), (BOARD, OTHER)])
def test_both_objects_carry_it_pass_the_gate_and_are_valid(
    tmp_path: Path, recipients: tuple[bytes, ...]
) -> None:
    source = a_source()
    for masked in made(tmp_path, source, recipients).objects:
        run = subprocess.run([DCIODVFY, masked.path], capture_output=True, text=True, check=False)
        assert [line for line in (run.stdout + run.stderr).splitlines() if "Error" in line] == []
        [item] = dcmread(masked.path).EncryptedAttributesSequence
        assert item.EncryptedContentTransferSyntaxUID == "1.2.840.10008.1.2.1"
        assert len(item.EncryptedContent) % 2 == 0
        data = masked.path.read_bytes()
        assert all(part.encode() not in data for part in str(source.PatientName).split("^") if part)


def test_the_gate_keeps_back_what_is_meant_for_others_or_lacks_its_escrow(tmp_path: Path) -> None:
    source = a_source()
    header = replace(clean(source), escrow=(seal_identity(source, [BOARD]),))
    study = a_masked_study(tmp_path, header)
    with pytest.raises(WouldLeak, match="Encrypted"):
        check_outgoing(study, source, header, recipients=(OTHER,))
    with pytest.raises(WouldLeak, match="Encrypted"):
        check_outgoing(study, source, header)
    bare = clean(source)
    with pytest.raises(WouldLeak, match="Encrypted"):
        check_outgoing(a_masked_study(tmp_path, bare), source, bare, recipients=(BOARD,))


# dmask reidentify


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DMASK_NODE__STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def a_key(folder: Path, name: str = "board", password: bytes | None = None) -> Path:
    path = folder / f"{name}.key.pem"
    path.write_bytes(pem_key(a_private_key(name), password))
    return path


def reidentify(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["reidentify", *map(str, arguments)])


def test_a_recipient_learns_whose_mask_it_is_and_the_journal_that_he_did(
    source: Dataset, study: MaskedStudy, tmp_path: Path, state: Path
) -> None:
    key = a_key(tmp_path)
    for masked in study.objects:
        done = reidentify(masked.path, "--key", key, "--reason", "Recall 2026/7", "--json")
        assert done.exit_code == 0, done.output
        told = json.loads(done.stdout)
        assert told["PatientName"] == str(source.PatientName)
        assert told["PatientID"] == source.PatientID
        assert told["IssuerOfPatientID"] == "St Elsewhere"
        assert told["SOPInstanceUID"] == source.SOPInstanceUID
    records = list(Journal(state / "audit", "dmask").records())
    assert [r["event"] for r in records] == ["reidentified"] * 2
    facts = [r["facts"] for r in records]
    assert [f["sop_instance_uid"] for f in facts] == [m.sop_instance_uid for m in study.objects]
    assert {f["recipient_serial"] for f in facts} == {"abcdef"}
    assert {f["why"] for f in facts} == {"Recall 2026/7"}
    assert all(f["user"] for f in facts)
    journal = (state / "audit" / "journal.jsonl").read_text()
    assert not any(str(value) in journal for value in told.values())


def test_a_person_reads_it_line_by_line_with_nothing_that_steers_the_terminal(
    tmp_path: Path, state: Path
) -> None:
    source = a_source()
    source.PatientName = "Evil^\x1b[2J\u202ename[red]"
    source.SpecificCharacterSet = "ISO_IR 192"
    done = reidentify(made(tmp_path, source).report.path, "--key", a_key(tmp_path))
    assert done.exit_code == 0, done.output
    assert "PatientName: Evil^\\x1b[2J\\u202ename[red]" in done.stdout.splitlines()


def test_without_a_record_nothing_is_told(
    source: Dataset,
    study: MaskedStudy,
    tmp_path: Path,
    state: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = study.report.path
    key = a_key(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise JournalUnwritable("no space")

    monkeypatch.setattr(Journal, "append", full)
    for options in ([], ["--json"]):
        done = reidentify(path, "--key", key, *options)
        assert done.exit_code == 1
        assert "journal_unwritable" in done.output
        assert str(source.PatientID) not in done.output


def test_a_key_with_a_password(study: MaskedStudy, tmp_path: Path, state: Path) -> None:
    path = study.report.path
    key = a_key(tmp_path, password=b"s3cret")
    (tmp_path / "right").write_text("s3cret\n")
    (tmp_path / "wrong").write_text("guess\n")
    (tmp_path / "empty").write_text("")
    assert reidentify(path, "--key", key, "--password-file", tmp_path / "right").exit_code == 0
    others = [["--password-file", tmp_path / name] for name in ("wrong", "empty", "none")]
    for options in ([], *others):
        done = reidentify(path, "--key", key, *options, "--json")
        assert json.loads(done.stdout)["error"] == "private_key_unusable"
    assert len(list(Journal(state / "audit", "dmask").records())) == 1


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda f, k: (f, a_key(f.parent, "thief")), "not_a_recipient"),
        (lambda f, k: (f, f), "private_key_unusable"),
        (lambda f, k: (f, f.with_name("none")), "private_key_unusable"),
        (lambda f, k: (f.with_name("none"), k), "envelope_unreadable"),
        (lambda f, k: (k, k), "envelope_unreadable"),
    ],
)
def test_what_can_not_be_opened_is_told_and_not_recorded(
    study: MaskedStudy, tmp_path: Path, state: Path, spoil: object, error: str
) -> None:
    path = shutil.copy(study.report.path, tmp_path)
    file, key = spoil(Path(path), a_key(tmp_path))  # type: ignore[operator]
    done = reidentify(file, "--key", key, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["error"] == error
    assert not (state / "audit" / "journal.jsonl").exists()


def test_an_object_without_an_escrow_has_nothing_to_open(tmp_path: Path, state: Path) -> None:
    report = a_masked_study(tmp_path, clean(a_source())).report.path
    done = reidentify(report, "--key", a_key(tmp_path), "--json")
    assert json.loads(done.stdout)["message"] == "FILE holds 0 encrypted identities"


@pytest.mark.parametrize("reason", ["Müller asked", "a\nb", "x" * 121])
def test_a_reason_is_plain_words(
    study: MaskedStudy, tmp_path: Path, state: Path, reason: str
) -> None:
    done = reidentify(study.report.path, "--key", a_key(tmp_path), "--reason", reason, "--json")
    told = json.loads(done.stdout)
    assert told["error"] == "reason_refused"
    assert reason not in told["message"]

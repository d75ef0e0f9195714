"""One real video, twice: what nobody knew waits for a person; who it is of travels encrypted."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from typer.testing import CliRunner

from dmask_node.audit.journal import Journal
from dmask_node.cli.app import app
from tests.certificates import a_certificate, a_private_key, pem_key, write_certificate
from tests.e2e.camera import pictures_of
from tests.factories import a_header, a_video_file, a_video_instance

DESCRIPTION = "Fazialisparese links, Zimmermann"


def run(*arguments: object) -> dict[str, Any]:
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def source(tmp_path: Path, carphone: Path) -> Path:
    film = a_video_file(tmp_path / "film.mp4", frames=pictures_of(carphone)[:4])
    header = a_header(StudyDescription=DESCRIPTION, PatientName="Zimmermann^Anneliese")
    return a_video_instance(
        tmp_path / "source.dcm", payload=film.read_bytes(), header=header,
        rows=144, columns=176, declared_frames=4,
    )  # fmt: skip


def test_a_person_decides_and_a_recipient_opens(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    yesterday = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    board = write_certificate(tmp_path / "board.pem", a_certificate("board", begin=yesterday))
    key = tmp_path / "board.key"
    key.write_bytes(pem_key(a_private_key("board")))
    config = tmp_path / "dmask.toml"
    config.write_text(
        f'[node]\nstate_dir = "{tmp_path}/state"\n[[forward.destinations]]\nname = "trial"\n'
        f'escrow_certificates = ["{board}"]\n'
    )
    out = tmp_path / "out"
    mask = ("mask", source, out, "--label", "trial", "--config", config)
    run(*mask)
    for name in ("video.dcm", "report.dcm"):
        assert "Zimmermann" not in str(dcmread(out / name).StudyDescription)
        told = run("reidentify", out / name, "--key", key, "--config", config)
        assert told["PatientName"] == "Zimmermann^Anneliese"
        assert told["SOPInstanceUID"] == dcmread(source).SOPInstanceUID

    [waiting] = run("vocabulary", "list", "--show-values", "--config", config)["pending"]
    assert (waiting["attribute"], waiting["value"]) == ("StudyDescription", DESCRIPTION)
    assert waiting["count"] == 1
    run("vocabulary", "approve", waiting["id"], "--as", "Facial palsy, left", "--config", config)
    run(*mask)
    assert dcmread(out / "video.dcm").StudyDescription == "Facial palsy, left"
    assert run("vocabulary", "list", "--config", config)["pending"] == []

    events = [r["event"] for r in Journal(tmp_path / "state" / "audit", "dmask").records()]
    decided = [e for e in events if not e.startswith("stage_")]
    shown_and_approved = ["vocabulary_shown", "vocabulary_approved"]
    assert decided == ["key_created", "reidentified", "reidentified", *shown_and_approved]
    for path in (tmp_path / "state").rglob("*"):
        assert path.is_dir() or b"immermann" not in path.read_bytes()

"""The commands an operator types, against a running node and a running PACS."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from tests.e2e.camera import a_recording, pictures_of
from tests.e2e.network import wait_until
from tests.e2e.peers import DMASK, Node, Orthanc
from tests.factories import a_video_instance

pytestmark = pytest.mark.e2e


def _json(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_an_operator_looks_sends_and_watches(
    orthanc: Orthanc, make_node: Callable[..., Node], carphone: Path, tmp_path: Path
) -> None:
    node = make_node()

    echoed = _json(node.dmask("echo", "--json"))
    assert (echoed["peer"], echoed["port"]) == ("DMASK", node.port)
    assert _json(node.dmask("echo", "pacs", "--json"))["peer"] == "ORTHANC"
    unknown = node.dmask("echo", "nowhere", "--json")
    assert unknown.returncode == 1
    assert "pacs" in _json(unknown)["message"]

    recording = a_recording(tmp_path / "recording.dcm", carphone, seconds=0.5)
    plain = recording.with_suffix(".mp4")
    sent = node.dmask("send", str(recording), str(plain), "--json")
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert _json(sent)["sent"] == 2
    assert [f["status"] for f in _json(sent)["files"]] == ["0000H", "0000H"]
    node.wait_for_states("forwarded", "forwarded")
    assert len(orthanc.instances()) == 4

    listed = _json(node.dmask("jobs", "--json"))
    assert listed["counts"]["forwarded"] == 2
    assert {d["state"] for job in listed["jobs"] for d in job["deliveries"]} == {"delivered"}
    table = node.dmask("jobs")
    assert table.stdout.count("forwarded") == 2

    report = _json(node.dmask("doctor", "--json"))
    assert report["healthy"], report
    verdicts = {f["what"]: f["verdict"] for f in report["findings"]}
    assert verdicts["port"] == verdicts["models"] == verdicts["destination pacs"] == "ok"
    assert verdicts["audit journal"] == verdicts["key"] == "ok"
    audit = _json(node.dmask("audit", "verify", "--json"))
    assert audit["whole"]
    assert audit["records"] == len(node.audit())

    orthanc.stop()
    report = _json(node.dmask("doctor", "--json"))
    verdicts = {f["what"]: f["verdict"] for f in report["findings"]}
    assert verdicts["destination pacs"] == "warning"


def test_a_changed_journal_is_found(orthanc: Orthanc, make_node: Callable[..., Node]) -> None:
    node = make_node()
    node.stop()
    journal = node.state / "audit" / "journal.jsonl"
    journal.write_text(journal.read_text().replace("node_started", "node_stOrted", 1))
    verified = node.dmask("audit", "verify", "--json")
    assert verified.returncode == 1
    assert _json(verified)["line"] == 1
    assert _json(node.dmask("doctor", "--json"))["healthy"] is False


@pytest.mark.parametrize(
    ("settings", "reason", "told"),
    [
        ('[deidentify]\nkey_file = "/nowhere/none.key"\n', "key_missing", "none.key"),
        ("", "key_missing", "`dmask keys create`"),
        ('[inference]\nprovider = "cuda"\n', "provider_missing", "[gpu] extra"),
    ],
)
def test_a_node_that_cannot_start_says_why_and_what_to_do(
    settings: str, reason: str, told: str, tmp_path: Path
) -> None:
    config = tmp_path / "dmask.toml"
    config.write_text(f'[node]\nstate_dir = "{tmp_path}/state"\n{settings}')
    done = subprocess.run(
        [*DMASK, "serve", "--config", str(config)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert reason in done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_the_demonstration_leaves_what_it_promises(tmp_path: Path) -> None:
    out = tmp_path / "demo-out"
    done = subprocess.run(
        [sys.executable, "-m", "dmask_node", "demo", "--output", str(out)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "120 frames (120 with a face)" in done.stdout
    assert {p.name for p in out.iterdir()} == {
        "contact-sheet.png",
        "masked.dcm",
        "masked.mp4",
        "measurements.csv",
        "node.log",
        "report.dcm",
        "report.html",
        "report.txt",
    }
    assert len(pictures_of(out / "masked.mp4")) == 120
    sheet = cv2.imread(str(out / "contact-sheet.png"))
    assert sheet is not None
    assert sheet.shape[1] > 800
    assert "blink" in (out / "report.txt").read_text().lower()


def test_a_person_decides_about_quarantine(
    orthanc: Orthanc, make_node: Callable[..., Node], tmp_path: Path
) -> None:
    node = make_node()
    wall = a_video_instance(tmp_path / "wall.dcm", n_frames=4)
    assert node.storescu(wall).returncode == 0
    (job,) = node.wait_for_states("quarantined")

    assert _json(node.dmask("retry", job["key"][:10], "--json")) == {"retried": [job["key"]]}
    wait_until(
        lambda: sum(r["event"] == "quarantined" for r in node.audit()) == 2, "a second try", 60
    )
    assert _json(node.dmask("retry", "nothing", "--json"))["error"] == "not_in_quarantine"

    gone = node.dmask("discard", job["key"], "--yes", "--json")
    assert _json(gone) == {"discarded": [job["key"]]}
    assert list((node.state / "quarantine").iterdir()) == []
    node.wait_for_states("purged")
    events = [r["event"] for r in node.audit()]
    assert events.count("retried") == 1
    assert events[-1] == "purged"
    assert orthanc.instances() == []

"""Hostile and broken objects: what commands and node say of them names nobody."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.tag import Tag
from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom.pdu_primitives import UserIdentityNegotiation
from typer.testing import CliRunner

from dmask_node.audit.journal import Journal
from dmask_node.cli import mask_file as mask_file_module
from dmask_node.cli.app import app
from dmask_node.records.jobs import Job, JobState
from dmask_node.spool.ledger import Ledger
from tests.factories import (
    H264_41,
    VIDEO_PHOTOGRAPHIC,
    a_photo_instance,
    a_video_file,
    a_video_instance,
)
from tests.factories import pictures as made_up_pictures
from tests.hostile import (
    MARK,
    UID_MARK,
    a_hostile_header,
    a_hostile_jpeg,
    a_hostile_mp4,
    found_in,
    plant_in_file,
)
from tests.nodes import Process, a_free_port, a_key, running, store, store_bytes, wait_until

BASE = "Zzqleak Wanda 19311230"
"""Of each file's name."""
Break = Callable[[Dataset], None]


def a_faceless(path: Path, change: Break | None = None) -> Path:
    """A hostile, well-formed video without a face; `change` breaks it."""
    payload = a_hostile_mp4(path.with_suffix(".mp4"), list(made_up_pictures(4))).read_bytes()
    made = plant_in_file(a_video_instance(path, payload=payload, header=a_hostile_header()))
    if change is not None:
        dataset = dcmread(made)
        change(dataset)
        dataset.save_as(made)
    return made


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    return path


def without_study(dataset: Dataset) -> None:
    del dataset.StudyInstanceUID


def with_words_for_numbers(dataset: Dataset) -> None:
    for keyword, vr in (("NumberOfFrames", "IS"), ("FrameTime", "DS"), ("CineRate", "IS")):
        tag, value = Tag(keyword), f"{MARK}60".encode()
        dataset[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)


def with_text_for_pictures(dataset: Dataset) -> None:
    dataset.PixelData = encapsulate([f"{MARK} no video at all ".encode() * 40])
    dataset["PixelData"].is_undefined_length = True


def broken_files(folder: Path) -> dict[str, Path]:
    def path(kind: str, suffix: str = ".dcm") -> Path:
        return folder / f"{BASE} {kind}{suffix}"

    def with_uid(dataset: Dataset) -> None:
        dataset.SOPInstanceUID = UID(f"{MARK}61")
        dataset.file_meta.MediaStorageSOPInstanceUID = UID(f"{MARK}61")

    files = {
        "faceless": a_faceless(path("faceless")),
        "no study": a_faceless(path("no study"), without_study),
        "words": a_faceless(path("words"), with_words_for_numbers),
        "text": a_faceless(path("text"), with_text_for_pictures),
        "cut": cut(a_faceless(path("cut")), 0.5),
        "cut head": cut(a_faceless(path("cut head")), 0.3),
        "odd uid": a_faceless(path("odd uid"), with_uid),
        "film": cut(a_hostile_mp4(path("film", ".mp4"), list(made_up_pictures(4))), 0.5),
        "prose": path("prose", ".txt"),
        "meta": path("meta"),
        "class": path("class"),
    }
    files["prose"].write_bytes(f"{MARK} ".encode() * 500)
    files["meta"].write_bytes(
        bytes(128) + b"DICM" + b"\2\0\0\0UL\4\0\xff\xff\0\0\2\0\x10\0UI\x0e\0" + b"ZZQLEAK.Wanda."
    )
    data = files["faceless"].read_bytes()
    files["class"].write_bytes(
        data.replace(VIDEO_PHOTOGRAPHIC.encode(), f"{MARK}62".encode().ljust(32, b"."), 1)
    )
    return files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = broken_files(tmp_path_factory.mktemp("hostile"))
    for kind, path in made.items():
        assert found_in(path.name.encode()), kind
        assert path.suffix == ".mp4" or found_in(path.read_bytes()), kind
    return made


def dmask(folder: Path, *arguments: str) -> str:
    """Run a command as its user would, with all warnings on; return all that it prints."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-W", "always", "-m", "dmask_node", *arguments],
        capture_output=True,
        timeout=120,
        check=False,
        env={
            **os.environ,
            "DMASK_NODE__STATE_DIR": str(folder / "state"),
            "TMPDIR": str(temporary),
            "HOME": str(temporary),
            "OMP_NUM_THREADS": "1",
        },
    )
    assert not list(temporary.iterdir()), "something was left behind"
    return (done.stdout + done.stderr).decode()


@pytest.mark.parametrize("json", [False, True], ids=["for people", "json"])
def test_sending_names_neither_file_nor_patient(
    files: dict[str, Path], tmp_path: Path, json: bool
) -> None:
    arguments = [*map(str, files.values()), "--port", str(a_free_port())]
    told = dmask(tmp_path, "send", *arguments, *(["--json"] if json else []))
    assert "destination_unreachable" in told
    assert "not_dicom" in told
    assert found_in(told.encode()) == []


@pytest.mark.parametrize("kind", ["faceless", "no study", "words", "class", "film", "prose"])
def test_masking_names_neither_file_nor_patient(
    files: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    told = dmask(tmp_path, "mask", str(files[kind]), str(tmp_path / "out"))
    assert "dmask: " in told
    assert found_in(told.encode()) == []
    assert not list((tmp_path / "out").iterdir())
    for path in (tmp_path / "state").rglob("*"):
        assert path.is_dir() or found_in(path.read_bytes()) == []


def test_a_fault_of_the_program_is_told_without_what_it_quotes(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError(f"could not convert {MARK}")

    monkeypatch.setenv("DMASK_NODE__STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(mask_file_module, "build_parts", lambda *_: None)
    monkeypatch.setattr(mask_file_module, "mask_instance", fail)
    source = str(files["faceless"])
    for options in ([], ["--json"]):
        done = CliRunner().invoke(app, ["mask", source, str(tmp_path / "out"), *options])
        assert done.exit_code == 1
        assert isinstance(done.exception, SystemExit), "a traceback would follow"
        assert "command_failed" in done.output
        assert "ValueError at" in done.output
        assert found_in(done.output.encode()) == []


def test_a_sending_that_is_asked_to_end_leaves_no_recording_behind(tmp_path: Path) -> None:
    """A plain film is wrapped in a temporary folder; the peer does not answer."""
    film = a_video_file(tmp_path / "film.mp4", n_frames=4, identity=True)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        sending = subprocess.Popen(
            [sys.executable, "-m", "dmask_node", "send", str(film), "--port",
             str(silent.getsockname()[1])],
            env={**os.environ, "TMPDIR": str(temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            wait_until(lambda: list(temporary.rglob("*.dcm")))
            time.sleep(0.3)
            sending.send_signal(signal.SIGTERM)
            out, _ = sending.communicate(timeout=30)
        finally:
            sending.kill()
    assert sending.returncode == 128 + signal.SIGTERM
    assert out == b""
    assert not list(temporary.iterdir())


def test_no_library_calls_home() -> None:
    """Use of ONNX Runtime is reported over the network unless it is told not to at its start."""
    asked = "import dmask_node.models.store, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, env=environment, check=True
    )
    assert done.stdout.strip() == b"1"


# The node


class Node:
    """A node with its real worker, which says all that it has to say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.port = a_free_port()
        self.config = folder / "dmask.toml"
        self.config.write_text(f"""
            [node]
            state_dir = "{self.state}"
            [receive]
            port = {self.port}
            min_free_bytes = 1000
            drain_s = 1.0
            [spool]
            poll_s = 0.1
            drain_s = 1.0
            [log]
            level = "debug"
            [[forward.destinations]]
            port = {a_free_port()}
        """)
        a_key(self.state)
        (folder / "tmp").mkdir()

    def command(self) -> list[str]:
        serve = ["-m", "dmask_node", "serve", "--config", str(self.config)]
        return [sys.executable, "-W", "always", *serve]

    def jobs(self) -> tuple[Job, ...]:
        ledger = Ledger(self.state / "ledger.sqlite")
        try:
            return ledger.jobs()
        finally:
            ledger.close()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[tuple[Node, Process]]:
    made = Node(tmp_path)
    environment = {"TMPDIR": str(tmp_path / "tmp"), "OMP_NUM_THREADS": "1"}
    with running(made.command(), **environment) as process:
        process.wait_for('"listening"')
        yield made, process


def a_stranger(port: int) -> Any:
    """Ask for an association under a patient's name, with credentials."""
    entity = AE(f"{MARK}^WANDA")
    entity.implementation_version_name = f"{MARK}70"
    entity.add_requested_context(VIDEO_PHOTOGRAPHIC, H264_41)
    user = UserIdentityNegotiation()
    user.user_identity_type, user.primary_field = 2, f"{MARK}71".encode()
    user.secondary_field = f"{MARK}72".encode()
    return entity.associate("127.0.0.1", port, ae_title="DMASK", ext_neg=[user])


def a_short_request(port: int) -> None:
    """A C-STORE request whose text and data set are rubbish, on a raw association."""
    store_bytes(
        port,
        f"{MARK}73 is no data set".encode() * 30,
        sop_class_uid=VIDEO_PHOTOGRAPHIC,
        sop_instance_uid=f"{UID_MARK}.8",
        transfer_syntax_uid=H264_41,
    )


def test_a_node_that_is_sent_rubbish_says_nothing_of_what_was_in_it(
    node: tuple[Node, Process], files: dict[str, Path], tmp_path: Path
) -> None:
    site, process = node
    assert not a_stranger(site.port).is_established
    a_short_request(site.port)
    for kind in ("faceless", "no study", "words", "text"):
        assert store(site.port, files[kind]) == 0x0000, kind
    assert store(site.port, files["faceless"], sop_instance_uid=f"{UID_MARK}.9") == 0xA900
    assert store(site.port, files["cut"]) == 0xC000
    photo = a_photo_instance(
        tmp_path / "photo.dcm", header=a_hostile_header("1.2.840.10008.5.1.4.1.1.77.1.4")
    )
    dataset = dcmread(photo)
    jpeg = a_hostile_jpeg(next(iter(made_up_pictures(1))))
    dataset.PixelData = encapsulate([jpeg[: len(jpeg) // 2]])
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(f"{UID_MARK}.10")
    dataset.save_as(plant_in_file(photo))
    assert store(site.port, photo) == 0x0000
    wait_until(
        lambda: (
            len(site.jobs()) == 8 and all(job.state is JobState.QUARANTINED for job in site.jobs())
        ),
        timeout_s=90,
    )
    reasons = {job.reason for job in site.jobs()}
    assert {"cannot_understand", "data_set_mismatch", "undecodable"} <= reasons
    assert "internal_error" not in reasons
    process.terminate()
    assert process.wait() == 0

    assert found_in(process.output.encode()) == []
    assert Journal(site.state / "audit", "dmask").verify() is None
    for path in (*site.state.rglob("*"), *(tmp_path / "tmp").rglob("*")):
        assert found_in(path.name.encode()) == []
        if path.is_file() and path.suffix != ".dcm":
            assert found_in(path.read_bytes()) == [], path.relative_to(site.folder)
    assert not list((tmp_path / "tmp").rglob("*.*")), "something was left behind"
    for command in ("jobs", "doctor"):
        assert found_in(dmask(tmp_path, command, "--config", str(site.config)).encode()) == []

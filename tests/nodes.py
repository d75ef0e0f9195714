"""A node for tests: its settings, its peers and real subprocesses."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from pydicom.filereader import read_file_meta_info
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_STORE

from dmask_node.deidentify.keys import create_key_file

REPOSITORY = Path(__file__).resolve().parent.parent


def a_free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until(true: Callable[[], object], timeout_s: float = 30.0, every_s: float = 0.05) -> None:
    """Return as soon as it is true; fail if it is not in time."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(every_s)


def storescu(port: int, *files: Path, called: str = "DMASK") -> subprocess.CompletedProcess[str]:
    """Send with DCMTK's storescu. H.264 has to be proposed by hand."""
    return subprocess.run(
        [
            "storescu",
            "-v",
            "-R",
            "-xn",
            "-aet",
            "STORESCU",
            "-aec",
            called,
            "127.0.0.1",
            str(port),
            *map(str, files),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def echoscu(port: int, calling: str = "ECHOSCU", called: str = "DMASK") -> bool:
    """Ask with DCMTK's echoscu whether somebody is there."""
    done = subprocess.run(
        ["echoscu", "-to", "5", "-aet", calling, "-aec", called, "127.0.0.1", str(port)],
        capture_output=True,
        timeout=30,
        check=False,
    )
    return done.returncode == 0


def store(port: int, path: Path, calling: str = "STORESCU", **said: str) -> int | None:
    """Send a file with pynetdicom and return the status; None if there was no answer.

    `said` overrides what the request says of it: ``sop_class_uid``, ``sop_instance_uid``.
    """
    meta = read_file_meta_info(path)
    return store_bytes(
        port,
        path.read_bytes()[144 + meta.FileMetaInformationGroupLength :],
        sop_class_uid=said.get("sop_class_uid", meta.MediaStorageSOPClassUID),
        sop_instance_uid=said.get("sop_instance_uid", meta.MediaStorageSOPInstanceUID),
        transfer_syntax_uid=meta.TransferSyntaxUID,
        calling=calling,
    )


def store_bytes(
    port: int,
    data_set: bytes,
    *,
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax_uid: str,
    calling: str = "STORESCU",
) -> int | None:
    """Send any bytes as a data set and return the status; None if there was no answer."""
    entity = AE(calling)
    entity.add_requested_context(sop_class_uid, transfer_syntax_uid)
    association = entity.associate("127.0.0.1", port, ae_title="DMASK")
    if not association.is_established:
        return None
    request = C_STORE()
    request.MessageID = 1
    request.Priority = 2
    request.AffectedSOPClassUID = sop_class_uid
    request.AffectedSOPInstanceUID = sop_instance_uid
    request.DataSet = BytesIO(data_set)
    association._reactor_checkpoint.clear()  # else its own thread may take the answer
    wait_until(lambda: association._is_paused)
    try:
        association.dimse.send_msg(request, 1)
        _, response = association.dimse.get_msg(block=True)
        association._reactor_checkpoint.set()
        status = response.Status if isinstance(response, C_STORE) else None
        return None if status is None else int(status)
    finally:
        association.release()


class Archive:
    """A storage SCP that counts what it gets."""

    def __init__(self, port: int, answer: Callable[[str], int] = lambda _: 0x0000) -> None:
        self.port = port
        self.got: Counter[str] = Counter()
        self.classes: list[str] = []
        self._answer = answer
        entity = AE("ARCHIVE")
        entity.add_supported_context("1.2.840.10008.1.1")
        for sop_class, syntax in (
            ("1.2.840.10008.5.1.4.1.1.77.1.4.1", "1.2.840.10008.1.2.4.102"),
            ("1.2.840.10008.5.1.4.1.1.88.22", "1.2.840.10008.1.2.1"),
        ):
            entity.add_supported_context(sop_class, syntax)
        entity.require_called_aet = True
        server = entity.start_server(
            ("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._on_store)]
        )
        assert server is not None
        self._server = server

    def _on_store(self, event: evt.Event) -> int:
        request = event.request
        assert isinstance(request, C_STORE)
        uid = str(request.AffectedSOPInstanceUID)
        status = self._answer(uid)
        if status == 0x0000:
            self.got[uid] += 1
            self.classes.append(str(request.AffectedSOPClassUID))
        return status

    def close(self) -> None:
        self._server.shutdown()


def a_key(state: Path) -> Path:
    """Give a node its key, where it looks for one."""
    folder = state / "keys"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    state.chmod(0o700)
    path = folder / "master.key"
    if not path.exists():
        create_key_file(path)
    return path


class Process:
    """A program in a process of its own, its output kept."""

    def __init__(self, command: Sequence[str], **environment: str) -> None:
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        return "".join(self.lines)

    @property
    def code(self) -> int | None:
        return self._process.poll()

    def wait_for(self, text: str, timeout_s: float = 30.0) -> None:
        wait_until(lambda: text in self.output or self.code is not None, timeout_s)
        assert text in self.output, self.output

    def wait(self, timeout_s: float = 30.0) -> int:
        code = self._process.wait(timeout_s)
        self._reader.join(5)
        return code

    def kill(self) -> None:
        self._process.kill()
        self.wait()

    def terminate(self) -> None:
        self._process.terminate()


@contextmanager
def running(command: Sequence[str], **environment: str) -> Iterator[Process]:
    """Run a program until the block ends, whatever happens in it."""
    process = Process(command, **environment)
    try:
        yield process
    finally:
        if process.code is None:
            process.kill()


def python(path: Path, *arguments: str) -> list[str]:
    """The command that runs a Python program."""
    return [sys.executable, str(path), *arguments]

"""The node as a service: the receiving process, and the worker that it keeps alive.

Every part is put together here. Two processes: this one answers the network and does little else;
the worker decodes, computes and sends. A decoder that crashes takes the worker with it, and no
association.
"""

import fcntl
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from dmask_node.audit.journal import Journal
from dmask_node.config import Settings, audiences, audit_folder, load_escrow, load_keys
from dmask_node.deidentify.rules import judge_all
from dmask_node.errors import Permanent
from dmask_node.observe.logs import configure_logs
from dmask_node.receive.inspect import identify
from dmask_node.receive.scp import StorageScp
from dmask_node.spool.files import free_bytes, make_folder
from dmask_node.spool.store import Spool
from dmask_node.version import VERSION

_log: Final = logging.getLogger(__name__)

WORKER_COMMAND: Final = (sys.executable, "-m", "dmask_node.worker")
"""Starts a worker that takes its settings from standard input."""

_RESTART_BASE_S: Final = 0.2
_RESTART_MAX_S: Final = 10.0
_LIVED_WELL_S: Final = 60.0
"""A worker that lived so long is started again at once."""


class StateDirUnusable(Permanent):
    """The state folder can't be written."""

    reason = "state_dir_unusable"
    hint = "Make node.state_dir, owned by the node's user, on a local disk with space."


class StateDirTaken(Permanent):
    """Another node is running on this state folder."""

    reason = "state_dir_taken"
    hint = "Stop the other node, or give this one a node.state_dir of its own."


class Supervisor:
    """Keeps one worker process alive.

    Parameters
    ----------
    command : sequence of str
        Starts a worker.
    settings : bytes
        Written to its standard input, which then stays open until this process ends.
    died : callable
        Told the exit code when a worker has ended unasked; negative: killed by that signal.
    """

    def __init__(
        self, command: Sequence[str], settings: bytes, died: Callable[[int], None]
    ) -> None:
        self._command = list(command)
        self._settings = settings
        self._died = died
        self._stopping = threading.Event()
        self._worker: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start the worker, and start it again whenever it ends."""
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """Process id of the worker; None while there is none."""
        worker = self._worker
        return worker.pid if worker is not None and worker.poll() is None else None

    def stop(self, timeout_s: float) -> None:
        """Ask the worker to end, and end it if it does not in time."""
        self._stopping.set()
        worker = self._worker
        if worker is not None and worker.poll() is None:
            worker.terminate()
            try:
                worker.wait(timeout_s)
            except subprocess.TimeoutExpired:
                worker.kill()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        pause = _RESTART_BASE_S
        while not self._stopping.is_set():
            began = time.monotonic()
            code = self._run_once()
            if self._stopping.is_set():
                return
            _log.error("worker_died", extra={"exit_code": code})
            try:
                self._died(code)
            except Exception as error:  # noqa: BLE001 - the next worker must start all the same
                _log.error("worker_death_not_recorded", exc_info=error)
            if time.monotonic() - began > _LIVED_WELL_S:
                pause = _RESTART_BASE_S
            self._stopping.wait(pause)
            pause = min(2.0 * pause, _RESTART_MAX_S)

    def _run_once(self) -> int:
        with subprocess.Popen(self._command, stdin=subprocess.PIPE) as worker:
            self._worker = worker
            if self._stopping.is_set():  # asked to stop just before there was one
                worker.terminate()
            assert worker.stdin is not None
            try:
                worker.stdin.write(self._settings + b"\n")
                worker.stdin.flush()
            except BrokenPipeError:  # it died at once; how is in its exit code
                pass
            code = worker.wait()
        self._worker = None
        return code


class Node:
    """The running node.

    Parameters
    ----------
    settings : Settings
        All of them.
    worker_command : sequence of str
        Starts a worker.
    """

    def __init__(self, settings: Settings, worker_command: Sequence[str] = WORKER_COMMAND) -> None:
        self._settings = settings
        state_dir = settings.node.state_dir
        # First: without key, certificates and permitted rules nothing is touched.
        self._key = load_keys(settings)
        load_escrow(audiences(settings))
        for audience in audiences(settings):
            judge_all(audience.profile.options())
        self._lock = _take_state_dir(state_dir)
        self.journal = Journal(audit_folder(settings), settings.node.name)
        self.spool = Spool(state_dir, self._key.keyed_digest, self.journal.append)
        self.scp = StorageScp(
            settings.receive,
            self.spool.incoming,
            take_in=self.spool.take_in,
            refuse=self.spool.refuse,
            tell=lambda event, outcome, facts: self.journal.append(event, "", outcome, facts),
            free_bytes=partial(free_bytes, state_dir),
        )
        self.supervisor = Supervisor(
            worker_command,
            settings.model_dump_json().encode(),
            died=lambda code: self.journal.append("worker_died", "", "failed", {"exit_code": code}),
        )

    def start(self) -> None:
        """Bring files and ledger into step, listen, and start the worker.

        Raises
        ------
        DmaskError
            With a hint: the journal can't be written, or the port is taken.
        """
        receive = self._settings.receive
        self.spool.tidy(identify)
        self.scp.start()
        self.journal.append(
            "node_started",
            "",
            "ok",
            {
                "port": self.scp.port,
                "pid": os.getpid(),
                "key_fingerprint": self._key.fingerprint(),
            },
        )
        if receive.any_caller:
            self.journal.append("any_caller_admitted", "", "ok", {"port": self.scp.port})
            _log.warning("any_caller_admitted")
        _log.info(
            "listening", extra={"host": receive.host, "port": self.scp.port, "version": VERSION}
        )
        self.supervisor.start()

    def stop(self) -> None:
        """Take nothing more in, let what is running end in time, and end."""
        self.scp.stop()
        self.supervisor.stop(self._settings.spool.drain_s + 10.0)
        self.journal.append("node_stopped", "", "ok", {"pid": os.getpid()})
        _log.info("stopped")
        self.spool.ledger.close()
        os.close(self._lock)


def serve(settings: Settings, worker_command: Sequence[str] = WORKER_COMMAND) -> None:
    """Run the node until SIGTERM or SIGINT.

    Parameters
    ----------
    settings : Settings
        All of them.
    worker_command : sequence of str
        Starts a worker.

    Raises
    ------
    DmaskError
        With a hint: state folder, key, journal or port can't be used.
    """
    configure_logs(settings.log)
    _require_provider(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    node = Node(settings, worker_command)
    node.start()
    stop.wait()
    node.stop()


def _require_provider(settings: Settings) -> None:
    """Refuse to start without the inference provider that is demanded."""
    if settings.inference.provider == "cuda":
        from dmask_node.models.store import require_provider  # loads ONNX Runtime

        require_provider(settings.inference)


def _take_state_dir(folder: Path) -> int:
    """Check that the state folder can be used, and take it for this node alone.

    Returns
    -------
    int
        Descriptor that holds the lock.
    """
    try:
        make_folder(folder)
        lock = os.open(folder / "node.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StateDirUnusable(f"{folder}: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise StateDirTaken(f"{folder} is in use") from None
    return lock

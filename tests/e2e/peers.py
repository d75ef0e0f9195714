"""Orthanc as the PACS, and the node under test, both in a private loopback."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from dmask_node.records.jobs import Job
from dmask_node.spool.ledger import Ledger
from dmask_node.spool.store import LEDGER_FILE
from tests.e2e.network import PrivateLoopback, wait_until
from tests.nodes import a_key

ORTHANC_HTTP = "http://127.0.0.1:8042"
DMASK = [sys.executable, "-m", "dmask_node"]


class Orthanc:
    """A real Orthanc with an empty store."""

    ae_title = "ORTHANC"
    dicom_port = 4242

    def __init__(self, net: PrivateLoopback, folder: Path) -> None:
        self.net = net
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._config = folder / "orthanc.json"
        self._config.write_text(
            json.dumps(
                {
                    "Name": "PACS of the tests",
                    "StorageDirectory": str(folder / "store"),
                    "IndexDirectory": str(folder / "store"),
                    "HttpPort": 8042,
                    "DicomPort": self.dicom_port,
                    "DicomAet": self.ae_title,
                    "RemoteAccessAllowed": False,
                    "AuthenticationEnabled": False,
                    "DicomAlwaysAllowStore": True,
                    "Plugins": [],
                }
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        binary = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
        log = (self.folder / "orthanc.log").open("ab")
        self._process = self.net.start([binary, str(self._config)], stdout=log, stderr=log)
        wait_until(lambda: self.net.get_json(f"{ORTHANC_HTTP}/system"), "Orthanc to answer")

    def stop(self) -> None:
        """Stop it; its store stays."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def instances(self) -> list[dict[str, Any]]:
        """Return every stored instance, expanded."""
        listed: list[dict[str, Any]] = self.net.get_json(f"{ORTHANC_HTTP}/instances?expand")
        return listed

    def tags(self, instance: str) -> dict[str, Any]:
        """Return the simplified tags of one instance."""
        tags: dict[str, Any] = self.net.get_json(
            f"{ORTHANC_HTTP}/instances/{instance}/simplified-tags"
        )
        return tags

    def file(self, instance: str) -> bytes:
        """Return the stored DICOM file."""
        return self.net.get(f"{ORTHANC_HTTP}/instances/{instance}/file")

    def payload(self, instance: str) -> bytes:
        """Return the first frame's fragment as stored: for video, the whole MP4."""
        return self.net.get(f"{ORTHANC_HTTP}/instances/{instance}/frames/0/raw")

    def wait_for(self, count: int, timeout_s: float = 240) -> list[dict[str, Any]]:
        """Wait until that many instances are stored."""

        def there() -> list[dict[str, Any]] | None:
            found = self.instances()
            return found if len(found) >= count else None

        found: list[dict[str, Any]] = wait_until(there, f"{count} instances in Orthanc", timeout_s)
        return found


class Node:
    """``dmask serve`` with settings of its own."""

    ae_title = "DMASK"
    port = 11112

    def __init__(self, net: PrivateLoopback, folder: Path, settings: str = "") -> None:
        self.net = net
        self.folder = folder
        self.state = folder / "state"
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "dmask.toml"
        self.log_file = folder / "node.log"
        self.config.write_text(
            f'[node]\nname = "test"\nstate_dir = "{self.state}"\n\n'
            "[[forward.destinations]]\n"
            f'name = "pacs"\nae_title = "{Orthanc.ae_title}"\n'
            f'host = "127.0.0.1"\nport = {Orthanc.dicom_port}\n\n' + settings
        )
        a_key(self.state)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers C-ECHO."""
        with self.log_file.open("ab") as log:
            self._process = self.net.start(
                [*DMASK, "serve", "--config", str(self.config)], stdout=log, stderr=log
            )
        wait_until(lambda: self.echo().returncode == 0, "the node to answer C-ECHO", 60)

    def stop(self) -> None:
        """Ask it to drain and stop."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)
            self._process = None

    def kill(self) -> None:
        """``kill -9`` the receiving process."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    @property
    def pid(self) -> int:
        """Process id of the receiving process."""
        assert self._process is not None
        return self._process.pid

    def running(self) -> bool:
        """Return whether the receiving process lives."""
        return self._process is not None and self._process.poll() is None

    def echo(self, calling: str = "ECHOSCU") -> subprocess.CompletedProcess[str]:
        """``echoscu`` to the node."""
        return self.net.run(
            ["echoscu", "-aet", calling, "-aec", self.ae_title, "127.0.0.1", str(self.port)]
        )

    def storescu(self, *files: Path, calling: str = "STORESCU") -> subprocess.CompletedProcess[str]:
        """DCMTK ``storescu`` to the node, proposing what the files hold."""
        return self.net.run(
            ["storescu", "-v", "-R", "-xn", "-aet", calling, "-aec", self.ae_title,
             "127.0.0.1", str(self.port), *map(str, files)]
        )  # fmt: skip

    def dcmsend(self, *files: Path) -> subprocess.CompletedProcess[str]:
        """DCMTK ``dcmsend`` to the node."""
        return self.net.run(
            ["dcmsend", "-v", "-aet", "DCMSEND", "-aec", self.ae_title,
             "127.0.0.1", str(self.port), *map(str, files)]
        )  # fmt: skip

    def dmask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a ``dmask`` command with the node's settings."""
        return self.net.run([*DMASK, *arguments, "--config", str(self.config)])

    def jobs(self) -> list[dict[str, Any]]:
        """Return what ``dmask jobs --json`` lists."""
        done = self.dmask("jobs", "--json")
        assert done.returncode == 0, done.stderr + done.stdout
        listed: list[dict[str, Any]] = json.loads(done.stdout)["jobs"]
        return listed

    def ledger_jobs(self) -> tuple[Job, ...]:
        """Return the jobs straight from the ledger: faster than the command."""
        ledger = Ledger(self.state / LEDGER_FILE)
        try:
            return ledger.jobs()
        finally:
            ledger.close()

    def wait_for_states(self, *states: str, timeout_s: float = 240) -> list[dict[str, Any]]:
        """Wait until the jobs are in these states, in any order."""

        def reached() -> list[dict[str, Any]] | None:
            there = sorted(str(job.state) for job in self.ledger_jobs())
            return self.jobs() if there == sorted(states) else None

        try:
            found: list[dict[str, Any]] = wait_until(reached, f"jobs {states}", timeout_s, 0.2)
        except AssertionError as error:
            raise AssertionError(f"{error}; jobs are {self.jobs()}\n{self.log()[-3000:]}") from None
        return found

    def log(self) -> str:
        """Return everything the node printed."""
        return self.log_file.read_text(errors="replace")

    def audit(self) -> list[dict[str, Any]]:
        """Return the audit journal."""
        records = []
        for file in sorted(self.state.glob("audit/journal.jsonl")):
            records += [json.loads(line) for line in file.read_text().splitlines()]
        return records

"""A network namespace of the tests' own, with nothing but a loopback interface.

Debian's Orthanc has no setting that binds it to 127.0.0.1; in here nobody else can reach it.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

_FETCH = """
import sys, urllib.request, urllib.error
try:
    sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1], timeout=20).read())
except urllib.error.HTTPError as error:
    sys.exit(f"HTTP {error.code}")
"""


class PrivateLoopback:
    """Runs commands where only they can reach one another."""

    def __init__(self) -> None:
        root = os.geteuid() == 0
        self._env = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
        self._keeper = subprocess.Popen(
            ["unshare", "-n" if root else "-rn", "sh", "-c",
             "ip link set lo up && echo ready && exec sleep 100000"],
            stdout=subprocess.PIPE, env=self._env, text=True,
        )  # fmt: skip
        assert self._keeper.stdout is not None
        if self._keeper.stdout.readline().strip() != "ready":
            raise RuntimeError("no network namespace: unshare and ip (util-linux, iproute2) needed")
        self._enter = ["nsenter", "-t", str(self._keeper.pid), "-n"]
        if not root:
            self._enter += ["-U", "--preserve-credentials"]

    def close(self) -> None:
        """Let the namespace go."""
        self._keeper.kill()
        self._keeper.wait()

    def start(self, command: Sequence[str], **kwargs: Any) -> subprocess.Popen[bytes]:
        """Start a process in here."""
        kwargs.setdefault("env", self._env)
        return subprocess.Popen([*self._enter, *command], **kwargs)

    def run(
        self, command: Sequence[str], timeout: float = 120, **kwargs: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in here and return what it printed."""
        kwargs.setdefault("env", self._env)
        return subprocess.run(
            [*self._enter, *command],
            capture_output=True, text=True, timeout=timeout, check=False, **kwargs,
        )  # fmt: skip

    def get(self, url: str) -> bytes:
        """Return the body of an HTTP GET made in here."""
        done = subprocess.run(
            [*self._enter, sys.executable, "-c", _FETCH, url],
            capture_output=True, timeout=60, check=False, env=self._env,
        )  # fmt: skip
        if done.returncode:
            raise ConnectionError(done.stderr.decode()[-200:])
        return done.stdout

    def get_json(self, url: str) -> Any:
        """Return the parsed JSON of an HTTP GET made in here."""
        return json.loads(self.get(url))


def wait_until(
    true: Callable[[], Any], what: str, timeout_s: float = 120, every_s: float = 0.25
) -> Any:
    """Return the first truthy answer; fail with what was waited for."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        try:
            found = true()
        except (ConnectionError, OSError):
            found = None
        if found:
            return found
        time.sleep(every_s)
    raise AssertionError(f"waited {timeout_s:.0f} s for: {what}")

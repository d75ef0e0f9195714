"""``kill -9`` in mid-video, of the worker and of the whole node."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from dmask_node.records.jobs import JobState
from tests.e2e.camera import a_recording
from tests.e2e.network import wait_until
from tests.e2e.peers import Node, Orthanc

pytestmark = pytest.mark.e2e


def _worker(node: Node) -> psutil.Process:
    """The one worker process of this node."""
    found = [
        child
        for child in psutil.Process(node.pid).children(recursive=True)
        if "dmask_node.worker" in child.cmdline()
    ]
    assert len(found) == 1, found
    return found[0]


def _in_mid_video(node: Node) -> bool:
    """Whether some of the frames have been looked at or drawn, and some not."""
    jobs = node.ledger_jobs()
    return bool(jobs) and jobs[0].state is JobState.MASKING and jobs[0].stage_done > 0


def test_a_worker_killed_in_mid_video_finishes_after_its_restart(
    orthanc: Orthanc, make_node: Callable[..., Node], carphone: Path, tmp_path: Path
) -> None:
    node = make_node()
    recording = a_recording(tmp_path / "recording.dcm", carphone, seconds=8)
    assert node.storescu(recording).returncode == 0
    wait_until(lambda: _in_mid_video(node), "the worker to be in mid-video", 60, 0.05)
    before = _worker(node)
    os.kill(before.pid, signal.SIGKILL)

    assert node.echo().returncode == 0, "the SCP answers while the worker is dead"
    node.wait_for_states("forwarded")
    assert _worker(node).pid != before.pid
    assert len(orthanc.wait_for(2)) == 2
    sent = [r for r in node.audit() if r["event"] == "delivered"]
    assert len(sent) == 2, "each object is sent once"


def test_a_node_killed_in_mid_video_finishes_after_its_restart(
    orthanc: Orthanc, make_node: Callable[..., Node], carphone: Path, tmp_path: Path
) -> None:
    node = make_node()
    recording = a_recording(tmp_path / "recording.dcm", carphone, seconds=8)
    assert node.storescu(recording).returncode == 0
    wait_until(lambda: _in_mid_video(node), "the worker to be in mid-video", 60, 0.05)
    began = time.monotonic()
    assert node.echo().returncode == 0, "the SCP answers while a video is being masked"
    assert time.monotonic() - began < 5
    worker = _worker(node)
    node.kill()
    wait_until(lambda: not worker.is_running(), "the orphaned worker to end", 20)

    node.start()
    node.wait_for_states("forwarded")
    assert len(orthanc.wait_for(2)) == 2
    verified = node.dmask("audit", "verify", "--json")
    assert verified.returncode == 0, verified.stdout

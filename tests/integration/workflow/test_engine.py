"""The work queue on a real database, in processes of its own."""

import sqlite3
from pathlib import Path

from tests.nodes import Process, python, running, wait_until

PROGRAM = """
import sys, threading
from pathlib import Path
from dmask_node.observe.logs import configure_logs
from dmask_node.observe.settings import LogSettings
from dmask_node.workflow.engine import Engine, Outcome, SlotTaken

def print(*words, flush):  # in one piece: two threads write
    sys.stdout.write(" ".join(map(str, words)) + "\\n")
    sys.stdout.flush()

configure_logs(LogSettings())
folder = Path(sys.argv[1])
wait_s = float(sys.argv[2])
tries = {}

def mask(key):
    print("mask", key, flush=True)
    if key == "fault":
        raise ValueError("PLANTED")
    return Outcome(forward_to=("a", "b"))

def forward(key, destination):
    tries[destination] = tries.get(destination, 0) + 1
    print("forward", key, destination, tries[destination], flush=True)
    return Outcome(again_after_s=0.2 if destination == "b" and tries["b"] < 3 else None)

engine = Engine(folder / "workflow.sqlite", mask, forward, poll_s=0.05)
try:
    engine.start(wait_s)
except SlotTaken as error:
    print("taken", error.reason, flush=True)
    sys.exit(3)
print("started", flush=True)
for line in sys.stdin:
    what, *names = line.split()
    if what == "submit":
        engine.submit(names[0], int(names[1]))
    if what == "active":
        print("active", sorted(engine.active()), flush=True)
    if what == "forget":
        engine.forget(names)
        print("forgotten", flush=True)
    if what == "stop":
        engine.stop(1)
        print("stopped", flush=True)
"""


def program(tmp_path: Path, wait_s: float = 0.0) -> list[str]:
    path = tmp_path / "queue_program.py"
    path.write_text(PROGRAM)
    return python(path, str(tmp_path), str(wait_s))


def say(process: Process, text: str) -> None:
    stdin = process._process.stdin
    assert stdin is not None
    stdin.write(text + "\n")
    stdin.flush()


def test_a_job_is_masked_once_and_sent_to_each_until_it_is_taken(tmp_path: Path) -> None:
    with running(program(tmp_path)) as queue:
        queue.wait_for("started")
        say(queue, "submit k1 0")
        say(queue, "submit k1 0")
        queue.wait_for("forward k1 b 3")
        wait_until(lambda: _active(queue) == "[]")
        assert queue.output.count("mask k1") == 1
        assert queue.output.count("forward k1 a") == 1
        say(queue, "forget k1")
        queue.wait_for("forgotten")
        say(queue, "stop")
        queue.wait_for("stopped")
    rows = sqlite3.connect(tmp_path / "workflow.sqlite").execute(
        "select count(*) from workflow_status"
    )
    assert rows.fetchone()[0] == 0


def _active(queue: Process) -> str:
    before = queue.output.count("active ")
    say(queue, "active")
    wait_until(lambda: queue.output.count("active ") > before)
    return [line for line in queue.lines if line.startswith("active ")][-1][7:].strip()


def test_a_handler_that_fails_leaves_no_message_in_log_or_database_and_is_tried_again(
    tmp_path: Path,
) -> None:
    with running(program(tmp_path)) as queue:
        queue.wait_for("started")
        say(queue, "submit fault 0")
        queue.wait_for("handler_failed")
        wait_until(lambda: _active(queue) == "['fault']")
        assert "PLANTED" not in queue.output
    for path in tmp_path.glob("workflow.sqlite*"):
        assert b"PLANTED" not in path.read_bytes()


def test_a_second_worker_under_the_same_name_is_refused(tmp_path: Path) -> None:
    with running(program(tmp_path)) as first:
        first.wait_for("started")
        with running(program(tmp_path)) as second:
            assert second.wait() == 3
            assert "taken slot_taken" in second.output
        with running(program(tmp_path, wait_s=20.0)) as third:
            first.kill()  # a worker that is just ending is waited for
            third.wait_for("started")


def test_the_queue_holds_plain_json_of_keys_and_numbers(tmp_path: Path) -> None:
    with running(program(tmp_path)) as queue:
        queue.wait_for("started")
        say(queue, "submit k1 0")
        queue.wait_for("forward k1 b 3")
    database = sqlite3.connect(tmp_path / "workflow.sqlite")
    tables = database.execute("select name from sqlite_master where type = 'table'").fetchall()
    texts = {
        str(value)
        for (table,) in tables
        for row in database.execute(f"select * from {table}")
        for value in row
    }
    assert '{"args": ["k1", 0, 0], "kwargs": {}}' in texts
    assert not [text for text in texts if text.startswith("gA")]  # base64 of a pickle

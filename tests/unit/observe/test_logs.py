"""What gets into the log, and what can't."""

import json
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from dmask_node.errors import Permanent
from dmask_node.events import StageAdvanced, StageStarted
from dmask_node.observe.logs import configure_logs, logger
from dmask_node.observe.progress import ProgressListener
from dmask_node.observe.settings import LogSettings


@pytest.fixture
def logs(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    root = logging.getLogger()
    before = root.handlers, root.level, sys.excepthook, threading.excepthook
    filters = warnings.filters[:]
    configure_logs(LogSettings())
    yield lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    root.handlers, level, sys.excepthook, threading.excepthook = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    warnings.filters[:] = filters  # type: ignore[index]
    structlog.reset_defaults()


class _Hinted(Permanent):
    reason = "some_reason"
    hint = "Do this."


def test_our_events_have_time_level_and_the_keys_on_the_list(logs: Any) -> None:
    logger().info("received", job="k1", patient_name="DOE^JANE", count=3)
    logging.getLogger("dmask_node.worker").info("delivered", extra={"job": "k1", "uid": "1.2"})
    first, second = logs()
    assert (first["event"], first["job"], first["count"], first["level"]) == (
        "received",
        "k1",
        3,
        "info",
    )
    assert first["keys_dropped"] == 1
    assert second["event"] == "delivered"
    assert "DOE" not in json.dumps(first)
    assert "uid" not in second


def test_a_value_that_is_no_plain_text_is_not_written(logs: Any) -> None:
    logger().info("received", job="DOE^JANE")
    logger().info("DOE^JANE")
    assert [(line["event"], line.get("job")) for line in logs()] == [("received", "?"), ("?", None)]


@pytest.mark.parametrize(
    "name", ["pydicom", "pynetdicom.acse", "dbos", "sqlalchemy.engine", "libav.h264"]
)
def test_what_a_library_says_is_written_without_its_words(logs: Any, name: str) -> None:
    library = logging.getLogger(name)
    library.warning("Invalid value for VR UI: %s", "PLANTED")
    library.info("PLANTED too")
    try:
        int("PLANTED")
    except ValueError:
        library.exception("PLANTED")
    lines = logs()
    assert [line["event"] for line in lines] == ["library_message"] * 2
    assert lines[1]["error"] == "ValueError"
    assert lines[1]["where"].startswith("test_logs.py:")
    assert "PLANTED" not in json.dumps(lines)


def test_a_warning_is_written_without_its_words(logs: Any) -> None:
    warnings.warn("Invalid value PLANTED", UserWarning, stacklevel=1)
    [line] = logs()
    assert line["logger"] == "py.warnings"
    assert "PLANTED" not in json.dumps(line)


def test_an_exception_nobody_caught_is_told_by_class_and_place(logs: Any) -> None:
    thread = threading.Thread(target=lambda: {"": 0}["PLANTED"])
    thread.start()
    thread.join()
    error = _Hinted("internal detail")
    sys.excepthook(type(error), error, error.__traceback__)
    first, second = logs()
    assert (first["event"], first["error"]) == ("uncaught", "KeyError")
    assert (second["reason"], second["hint"]) == ("some_reason", "Do this.")
    assert "PLANTED" not in json.dumps(first)


def test_a_reader_that_has_gone_stops_nothing() -> None:
    program = (
        "import logging\nfrom dmask_node.observe.logs import configure_logs\n"
        "from dmask_node.observe.settings import LogSettings\nconfigure_logs(LogSettings())\n"
        "for _ in range(20000): logging.getLogger('dmask_node').info('x')\n"
        "open(2, 'w').write('done')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read().startswith("done")
    process.wait()


def test_progress_is_noted_at_most_twice_a_second_and_at_the_end() -> None:
    now = [0.0]
    noted: list[tuple[str, int, int | None]] = []
    listener = ProgressListener(
        lambda _, stage, done, total: noted.append((stage, done, total)), clock=lambda: now[0]
    )
    listener(StageStarted(job_id="k", stage="render"))
    for done in range(1, 101):
        now[0] += 0.02
        listener(StageAdvanced(job_id="k", stage="render", done=done, total=100))
    assert noted[0] == ("render", 0, None)
    assert noted[-1] == ("render", 100, 100)
    assert len(noted) <= 6

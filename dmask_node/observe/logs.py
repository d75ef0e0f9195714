"""Structured logs that can hold no identity: JSON lines on standard output.

Three rules keep a value of a data set out. Of our own events only keys on a list are written, and
only plain text under them. Of what a library logs, only who, where and how grave: never its
message, which may quote what it reads. Of an exception, class names and lines of code; a message
only where it is our own (`DmaskError`).
"""

import json
import logging
import re
import sys
import threading
import traceback
import warnings
from collections.abc import MutableMapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

import structlog

from dmask_node.errors import DmaskError
from dmask_node.observe.settings import LogSettings

ALLOWED_KEYS: Final = frozenset(
    {
        "attempts",
        "audience",
        "calling_ae_title",
        "count",
        "delay_s",
        "destination",
        "dicom_status",
        "done",
        "error",
        "exit_code",
        "hint",
        "host",
        "job",
        "pid",
        "port",
        "reason",
        "role",
        "run",
        "seconds",
        "signal",
        "stage",
        "state",
        "total",
        "version",
        "why",
        "worker_deaths",
    }
)
"""What an event may state beside ``time``, ``level``, ``logger``, ``event`` and ``where``."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9 ._:;,()%/?`'+@-]{0,256}")
_OURS: Final = "dmask_node"


def configure_logs(settings: LogSettings) -> None:
    """Send everything that is logged in this process through the filters to standard output.

    May be called again; the last settings hold.
    """
    level = settings.level.upper()
    root = logging.getLogger()
    root.handlers = [_Handler()]
    root.setLevel(level)
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
        if not name.startswith(_OURS):
            logger.setLevel(logging.WARNING)
    for name in ("dbos", "pydicom", "pynetdicom", "sqlalchemy", "libav"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("dbos").addHandler(logging.NullHandler())  # else it brings one of its own
    logging.captureWarnings(capture=True)
    warnings.simplefilter("default")
    structlog.configure(
        processors=[_only_allowed, _stamp, structlog.processors.JSONRenderer(sort_keys=False)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=lambda *_: _Output(),
        cache_logger_on_first_use=False,
    )
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def logger() -> Any:
    """Return a logger of our own events: ``logger().info("received", job=key)``."""
    return structlog.get_logger()


def _plain(value: object) -> object:
    """Return a number as it is and a text if it is plain; else only that there was one."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = str(value)
    return text if _PLAIN.fullmatch(text) else "?"


def _only_allowed(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop keys that are not on the list; count them, so that the list can be mended."""
    kept: dict[str, Any] = {"event": _plain(event.get("event", ""))}
    kept |= {key: _plain(value) for key, value in event.items() if key in ALLOWED_KEYS}
    dropped = len(set(event) - ALLOWED_KEYS - {"event", "logger", "where", "level"})
    if dropped:
        kept["keys_dropped"] = dropped
    return kept | {key: event[key] for key in ("logger", "where", "level") if key in event}


def _stamp(_: Any, level: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put time and level in front."""
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {"time": time, "level": event.pop("level", level), **event}


class _Handler(logging.Handler):
    """Writes a record of the standard library's logging as an event."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; of a library's, no message and no argument."""
        event: dict[str, Any] = {
            "logger": record.name,
            "level": record.levelname.lower(),
            "where": f"{record.module}:{record.lineno}",
        }
        if record.name.split(".")[0] == _OURS:
            event["event"] = record.getMessage()
            event |= {key: record.__dict__[key] for key in ALLOWED_KEYS & set(record.__dict__)}
        else:
            event["event"] = "library_message"
        if record.exc_info and record.exc_info[0] is not None:
            event |= _describe(record.exc_info[1])
        _print(event)


def _print(event: MutableMapping[str, Any]) -> None:
    _write(json.dumps(_stamp(None, "error", _only_allowed(None, "", event)), default=str))


class _Output:
    """Where structlog puts its lines."""

    def msg(self, line: str) -> None:
        """Write one line."""
        _write(line)

    debug = info = warning = error = critical = exception = msg


def _write(line: str) -> None:
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except (OSError, ValueError):  # nobody listens any more; there is nobody to tell
        pass


def _describe(error: BaseException | None) -> dict[str, str]:
    """Say what an exception is and where it came from; its message only if it is ours."""
    if error is None:
        return {}
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    where = " ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames)
    told = {"error": type(error).__name__, "where": where}
    if isinstance(error, DmaskError):
        told |= {"reason": error.reason, "hint": error.hint}
    return told


def _log_uncaught(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    _print({"event": "uncaught", "level": "error", **_describe(error)})


def _log_uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is not None:
        _log_uncaught(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)

"""Is the node fit to work? Each thing it needs, tried."""

import ctypes
import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from dmask_node.audit.journal import Journal
from dmask_node.config import Settings, audiences, audit_folder, load_escrow, load_keys
from dmask_node.deidentify.confidentiality_table import load_table
from dmask_node.deidentify.escrow import days_left
from dmask_node.deidentify.rules import allow_lists, judge_all
from dmask_node.errors import DmaskError
from dmask_node.forward.scu import echo
from dmask_node.forward.settings import Destination
from dmask_node.models.store import Network, digests, load_morphable_model, read_model_file

_CLOCK_UNSYNCHRONISED: Final = 5
"""TIME_ERROR of adjtimex(2): the kernel's clock is not kept by NTP or PTP."""
_EXPIRY_WARNING_DAYS: Final = 30


class Verdict(StrEnum):
    """How something was found."""

    OK = "ok"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was tried."""

    what: str
    verdict: Verdict
    found: str
    hint: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Try everything the node needs.

    Parameters
    ----------
    settings : Settings
        Of the node.

    Returns
    -------
    list of Finding
        In the order of an object's way. A destination that does not answer is a warning: the
        node keeps what it can't send yet.
    """
    return [
        *_models(settings),
        _rules(settings),
        *_state(settings.node.state_dir, settings.receive.min_free_bytes),
        _key(settings),
        *_escrow(settings),
        _port(settings),
        *(_destination(destination) for destination in settings.forward.destinations),
        _journal(settings),
        _clock(),
    ]


def _models(settings: Settings) -> Iterator[Finding]:
    for name in digests():
        try:
            read_model_file(name)
        except (DmaskError, OSError) as error:
            yield _bad(f"model {name}", error)
            return
    try:
        networks = [name for name in digests() if name.startswith("networks/")]
        provider = ""
        for name in networks:
            loaded = Network(
                name.removeprefix("networks/").removesuffix(".onnx"), settings.inference
            )
            provider = loaded.provider
        load_morphable_model()
    except DmaskError as error:
        yield _bad("models", error)
        return
    found = f"{len(digests())} files as shipped, networks run on {provider}"
    yield Finding(what="models", verdict=Verdict.OK, found=found)


def _rules(settings: Settings) -> Finding:
    """Judge the allow-lists under the options of every profile."""
    try:
        source = load_table().provenance
        for profile in settings.profiles.values():
            judge_all(profile.options())
    except DmaskError as error:
        return _bad("rules", error)
    found = (
        f"{len(allow_lists())} lists, permitted by {source.table} ({source.edition}) "
        f"under the options of {', '.join(settings.profiles)}"
    )
    return Finding(what="rules", verdict=Verdict.OK, found=found)


def _state(folder: Path, min_free_bytes: int) -> Iterator[Finding]:
    what = "state folder"
    there = folder
    while not there.exists():
        there = there.parent
    if not os.access(there, os.W_OK | os.X_OK):
        yield Finding(
            what=what,
            verdict=Verdict.BAD,
            found=f"{folder}: not writable",
            hint="Make node.state_dir, owned by the node's user.",
        )
        return
    mode = there.stat().st_mode & 0o777 if there == folder else 0o700
    if mode & 0o077:
        yield Finding(
            what=what,
            verdict=Verdict.WARNING,
            found=f"{folder}: mode {mode:04o}",
            hint=f"It holds originals: chmod 0700 {folder}",
        )
    else:
        yield Finding(what=what, verdict=Verdict.OK, found=f"{folder}: writable")
    free = shutil.disk_usage(there).free
    enough = free > min_free_bytes
    yield Finding(
        what="disk",
        verdict=Verdict.OK if enough else Verdict.BAD,
        found=f"{free / 2**30:.1f} GiB free, {min_free_bytes / 2**30:.1f} GiB needed",
        hint=""
        if enough
        else "Free space: below receive.min_free_bytes objects are refused A700H.",
    )


def _key(settings: Settings) -> Finding:
    try:
        fingerprint = load_keys(settings).fingerprint()
    except DmaskError as error:
        return _bad("key", error)
    last = _last_key(settings)
    if last not in ("", fingerprint):
        return Finding(
            what="key",
            verdict=Verdict.WARNING,
            found=f"fingerprint {fingerprint}; the node last started with {last}",
            hint="Another key gives every patient another name. Is it the one in escrow? If systemd"
            " gives the node its key, run this with CREDENTIALS_DIRECTORY set as for the node.",
        )
    return Finding(what="key", verdict=Verdict.OK, found=f"fingerprint {fingerprint}")


def _last_key(settings: Settings) -> str:
    """Return the fingerprint of the key that the node last started with, as far as recorded."""
    folder, last = audit_folder(settings), ""
    if folder.exists():
        for record in Journal(folder, settings.node.name).records():
            if record["event"] == "node_started":
                last = str(record["facts"].get("key_fingerprint", ""))
    return last


def _escrow(settings: Settings) -> Iterator[Finding]:
    for audience in audiences(settings):
        what = f"escrow {audience.name}"
        try:
            recipients = load_escrow([audience]).get(audience.name, ())
        except DmaskError as error:
            yield _bad(what, error)
            continue
        if recipients:
            days = days_left(recipients, datetime.now(UTC))
            soon = days < _EXPIRY_WARNING_DAYS
            yield Finding(
                what=what,
                verdict=Verdict.WARNING if soon else Verdict.OK,
                found=f"{len(recipients)} recipients; the first certificate expires in {days} days",
                hint="Renew it: the node does not start with an expired one." if soon else "",
            )


def _port(settings: Settings) -> Finding:
    receive = settings.receive
    where = f"{receive.host}:{receive.port}"
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((receive.host, receive.port))
    except OSError:
        return _answering(settings, where)
    return Finding(what="port", verdict=Verdict.OK, found=f"{where} is free; no node is running")


def _answering(settings: Settings, where: str) -> Finding:
    own = Destination(
        name="self",
        ae_title=settings.receive.ae_title,
        host=settings.receive.host,
        port=settings.receive.port,
        calling_ae_title=_caller(settings),
        timeout_s=5.0,
    )
    try:
        seconds = echo(own)
    except DmaskError as error:
        return Finding(
            what="port",
            verdict=Verdict.BAD,
            found=f"{where} is taken, and not by a node that answers ({error.reason})",
            hint="Stop the other program, or choose another receive.port.",
        )
    return Finding(
        what="port",
        verdict=Verdict.OK,
        found=f"{where}: a node answers C-ECHO in {seconds * 1000:.0f} ms",
    )


def _caller(settings: Settings) -> str:
    allowed = settings.receive.calling_ae_titles
    return allowed[0] if allowed else "DMASK_SEND"


def _destination(destination: Destination) -> Finding:
    what = f"destination {destination.name}"
    where = f"{destination.ae_title} at {destination.host}:{destination.port}"
    try:
        seconds = echo(destination)
    except DmaskError as error:
        return Finding(
            what=what,
            verdict=Verdict.WARNING,
            found=f"{where}: {error.reason}",
            hint=error.hint,
        )
    found = f"{where} answers C-ECHO in {seconds * 1000:.0f} ms"
    return Finding(what=what, verdict=Verdict.OK, found=found)


def _journal(settings: Settings) -> Finding:
    folder = audit_folder(settings)
    if not folder.exists():
        return Finding(what="audit journal", verdict=Verdict.OK, found="not begun yet")
    fault = Journal(folder, settings.node.name).verify()
    if fault is not None:
        return Finding(
            what="audit journal",
            verdict=Verdict.BAD,
            found=f"line {fault.line}: {fault.what}",
            hint="Somebody or something changed it; keep the folder as it is and tell compliance.",
        )
    return Finding(what="audit journal", verdict=Verdict.OK, found=f"{folder}: the chain is whole")


def _clock() -> Finding:
    timex = (ctypes.c_byte * 512)()  # zeroed struct timex: modes 0 only reads
    state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    if state in (-1, _CLOCK_UNSYNCHRONISED):
        return Finding(
            what="clock",
            verdict=Verdict.WARNING,
            found="not kept by NTP, as far as the kernel knows",
            hint="Run chrony or systemd-timesyncd: audit records carry this clock's time.",
        )
    return Finding(what="clock", verdict=Verdict.OK, found="synchronised")


def _bad(what: str, error: Exception) -> Finding:
    hint = error.hint if isinstance(error, DmaskError) else ""
    said = str(error) if isinstance(error, DmaskError) else type(error).__name__
    return Finding(what=what, verdict=Verdict.BAD, found=said, hint=hint)

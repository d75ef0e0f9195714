"""``dmask retry`` and ``dmask discard``: what a person decides about quarantined objects."""

from typing import Annotated

import typer

from dmask_node.audit.journal import Journal
from dmask_node.cli.jobs import NoNodeYet
from dmask_node.cli.output import ConfigOption, JsonOption, answer, errors_told
from dmask_node.config import Settings, audit_folder, load_keys, load_settings
from dmask_node.errors import Permanent
from dmask_node.records.jobs import JobEvent, JobState
from dmask_node.spool.store import LEDGER_FILE, Spool


class NotInQuarantine(Permanent):
    """No one job in quarantine has a key that begins so."""

    reason = "not_in_quarantine"
    hint = "See `dmask jobs --state quarantined`."


KeysArgument = Annotated[
    list[str], typer.Argument(metavar="KEY...", help="Keys of jobs, or how they begin.")
]


def retry(keys: KeysArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Take objects out of quarantine for another try; the running node takes them up."""
    with errors_told(as_json=as_json):
        spool = _spool(load_settings(config))
        found = [_one(spool, key) for key in keys]
        for key in found:
            spool.retry(key)
    answer({"retried": found}, as_json=as_json)


def discard(
    keys: KeysArgument,
    config: ConfigOption = None,
    sure: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete quarantined objects for good; their rows and audit records remain."""
    with errors_told(as_json=as_json):
        spool = _spool(load_settings(config))
        found = [_one(spool, key) for key in keys]
        if not sure:
            typer.confirm(f"Delete {len(found)} quarantined objects for good?", abort=True)
        for key in found:
            spool.purge(key, JobEvent.DISCARDED)
    answer({"discarded": found}, as_json=as_json)


def _spool(settings: Settings) -> Spool:
    if not (settings.node.state_dir / LEDGER_FILE).exists():
        raise NoNodeYet(f"no ledger in {settings.node.state_dir}")
    journal = Journal(audit_folder(settings), settings.node.name)
    return Spool(settings.node.state_dir, load_keys(settings).keyed_digest, journal.append)


def _one(spool: Spool, key: str) -> str:
    """Return the whole key of the one quarantined job that begins so."""
    quarantined = spool.ledger.jobs(JobState.QUARANTINED, limit=1_000_000)
    found = [job.key for job in quarantined if job.key.startswith(key)]
    if len(found) != 1:
        raise NotInQuarantine(f"{len(found)} quarantined jobs have such a key")
    return found[0]

"""``dmask jobs``: where each received instance stands."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dmask_node.cli.output import ConfigOption, JsonOption, answer, errors_told
from dmask_node.config import load_settings
from dmask_node.errors import Permanent
from dmask_node.records.jobs import Job, JobState
from dmask_node.spool.ledger import Ledger
from dmask_node.spool.store import LEDGER_FILE


class NoNodeYet(Permanent):
    """There is no ledger in the state folder."""

    reason = "no_node_yet"
    hint = "Give the node's own settings with --config; the ledger is made at its first start."


def jobs(
    config: ConfigOption = None,
    state: Annotated[
        list[JobState] | None, typer.Option("--state", help="Only jobs in this state.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most, newest first.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """List the jobs: what came in, where it stands, and why."""
    with errors_told(as_json=as_json):
        settings = load_settings(config)
        path = settings.node.state_dir / LEDGER_FILE
        if not path.exists():
            raise NoNodeYet(f"no ledger in {settings.node.state_dir}")
        ledger = Ledger(path)
        listed = ledger.jobs(*(state or ()), limit=limit)
        counts = {str(name): count for name, count in ledger.counts().items()}
        ledger.close()

    def tell(shown: Console) -> None:
        table = Table("job", "state", "received (UTC)", "stage", "reason, hint", box=None)
        for job in listed:
            table.add_row(job.key[:12], str(job.state), _when(job), _stage(job), escape(_why(job)))
        shown.print(table)

    answer({"counts": counts, "jobs": [_plain(j) for j in listed]}, as_json=as_json, tell=tell)


def _plain(job: Job) -> dict[str, Any]:
    return {
        "key": job.key,
        "state": str(job.state),
        "received_at": _when(job),
        "size_bytes": job.size_bytes,
        "sha256": job.sha256,
        "sop_class_uid": job.sop_class_uid,
        "calling_ae_title": job.calling_ae_title,
        "times_received": job.times_received,
        "attempts": job.attempts,
        "reason": job.reason,
        "hint": job.hint,
        "stage": job.stage,
        "stage_done": job.stage_done,
        "stage_total": job.stage_total,
        "outputs": [
            {
                "audience": o.audience,
                "role": o.role,
                "sop_instance_uid": o.sop_instance_uid,
                "sha256": o.sha256,
            }
            for o in job.outputs
        ],
        "deliveries": [
            {
                "audience": d.audience,
                "role": d.role,
                "destination": d.destination,
                "state": str(d.state),
                "attempts": d.attempts,
                "reason": d.reason,
                "dicom_status": None if d.dicom_status is None else f"{d.dicom_status:04X}H",
            }
            for d in job.deliveries
        ],
    }


def _when(job: Job) -> str:
    return datetime.fromtimestamp(job.received_at, UTC).isoformat(timespec="seconds")


def _stage(job: Job) -> str:
    if job.state is not JobState.MASKING:
        return ""
    return f"{job.stage} {job.stage_done}/{job.stage_total or '?'}"


def _why(job: Job) -> str:
    if job.reason and job.state in (JobState.QUARANTINED, JobState.WAITING):
        return f"{job.reason}: {job.hint}"
    waiting = [f"{d.destination}: {d.reason}" for d in job.deliveries if d.reason]
    return "; ".join(sorted(set(waiting))) if job.state is JobState.MASKED else ""

"""What the pipeline tells, as audit records."""

from dmask_node.audit.chain import ALLOWED_FACTS, Fact
from dmask_node.audit.journal import Journal
from dmask_node.events import Event, StageFailed, StageFinished


class AuditListener:
    """Writes one record for each stage that ended.

    A stage's facts that are not on the list of those allowed are left out.

    Parameters
    ----------
    journal : Journal
        Where to.
    """

    required = True
    """A stage that could not be recorded has not happened: the job stops."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __call__(self, event: Event) -> None:
        """Record the end of a stage; its begin and advance are not recorded."""
        match event:
            case StageFinished():
                facts: dict[str, Fact] = {
                    name: value for name, value in event.facts.items() if name in ALLOWED_FACTS
                }
                facts |= {"stage": event.stage, "seconds": round(event.seconds, 3)}
                self._journal.append("stage_finished", event.job_id, "ok", facts)
            case StageFailed():
                self._journal.append(
                    "stage_failed",
                    event.job_id,
                    "failed",
                    {
                        "stage": event.stage,
                        "seconds": round(event.seconds, 3),
                        "error": event.error,
                        "reason": event.reason,
                    },
                )

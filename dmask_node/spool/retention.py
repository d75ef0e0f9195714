"""What may go, given the clock and the policy."""

from collections.abc import Iterable

from dmask_node.records.jobs import Job, JobState


def expired(jobs: Iterable[Job], now: float, keep_hours: float) -> tuple[str, ...]:
    """Choose the jobs whose files may be deleted.

    Only what every destination has taken may go; what is in quarantine, waiting or under way
    stays, however old it is.

    Parameters
    ----------
    jobs : iterable of Job
        Any.
    now : float
        Seconds since the epoch, UTC.
    keep_hours : float
        Hours that files stay after the last delivery, >= 0.

    Returns
    -------
    tuple of str
        Keys, in the order given. A clock that was set back deletes nothing early: a delivery in
        the future counts as just made.
    """
    return tuple(
        job.key
        for job in jobs
        if job.state is JobState.FORWARDED
        and job.forwarded_at is not None
        and now - job.forwarded_at >= keep_hours * 3600.0
    )

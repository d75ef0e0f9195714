"""How long to wait before trying again (pure)."""


def pause_s(attempts: int, base_s: float, max_s: float) -> float:
    """Return the pause after so many failed attempts: doubling, up to a limit.

    Parameters
    ----------
    attempts : int
        That have failed, >= 1.
    base_s : float
        Pause after the first, seconds.
    max_s : float
        Longest pause, seconds.

    Returns
    -------
    float
        Seconds.

    Examples
    --------
    >>> [pause_s(n, 5.0, 1800.0) for n in (1, 2, 3, 20)]
    [5.0, 10.0, 20.0, 1800.0]
    """
    return min(base_s * 2.0 ** min(attempts - 1, 32), max_s)

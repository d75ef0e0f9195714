"""Who is at the terminal, and how a value is shown there that no file may hold."""

import os
import pwd
import re
from pathlib import Path
from typing import Final

from dmask_node.errors import Permanent

_NO_LOGIN: Final = 2**32 - 1
_PLAIN: Final = re.compile(r"[A-Za-z0-9 ._:/+?@-]{1,60}")
"""What an audit record takes, with room for two names."""


class ReasonRefused(Permanent):
    """The reason can't stand in the audit journal."""

    reason = "reason_refused"
    hint = "At most 120 letters without accents, digits, spaces and . _ : / + ? @ -; no names."


def user_name() -> str:
    """Return who runs this, for an audit record.

    Returns
    -------
    str
        The account; where somebody else logged in and became it (su, sudo, runuser), that one
        first: ``anna as dmask``.
    """
    account, login = os.getuid(), _login()
    if login is None or login == account:
        return _name(account)
    return f"{_name(login)} as {_name(account)}"


def _login() -> int | None:
    """Return who logged in, as the kernel keeps it; None where nobody did."""
    try:
        number = int(Path("/proc/self/loginuid").read_text())
    except (OSError, ValueError):
        return None
    return None if number == _NO_LOGIN else number


def _name(uid: int) -> str:
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
    return name if _PLAIN.fullmatch(name) else f"uid {uid}"


def require_reason(text: str) -> str:
    """Check a reason that is to stand in the audit journal.

    Raises
    ------
    ReasonRefused
        If it has other characters, or too many. The message does not quote it.
    """
    if len(text) > 120 or not re.fullmatch(r"[A-Za-z0-9 ._:/+?@-]*", text):
        raise ReasonRefused
    return text


def shown(value: str) -> str:
    """Return a value of a source as a terminal may show it.

    Characters that steer a terminal, reorder text or can't be seen are written as escapes: a
    sender may have put them there.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)

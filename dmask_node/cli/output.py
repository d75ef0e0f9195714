"""How every command answers: for a person, or as one JSON object with ``--json``."""

import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from dmask_node.errors import DmaskError, Permanent

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="TOML settings; without it the embedded defaults hold."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer as one JSON object.")]

_console = Console(highlight=False, soft_wrap=True)
_errors = Console(stderr=True, highlight=False, soft_wrap=True)


def console() -> Console:
    """Return the console for people, on stdout."""
    return _console


def notice(text: str) -> None:
    """Tell a person something on stderr, where it is in nobody's way."""
    _errors.print(f"dmask: {text}", markup=False)


def answer(
    result: Mapping[str, Any], *, as_json: bool, tell: Callable[[Console], None] | None = None
) -> None:
    """Print the result of a command.

    Parameters
    ----------
    result : mapping
        JSON-able; what ``--json`` prints.
    as_json : bool
        Whether ``--json`` was given.
    tell : callable, optional
        Prints the same for a person; default: a line a key.
    """
    if as_json:
        sys.stdout.write(json.dumps(result, sort_keys=True, default=str) + "\n")
    elif tell is not None:
        tell(_console)
    else:
        for key, value in result.items():
            _console.print(f"{key}: {value}", markup=False)


class CommandFailed(Permanent):
    """The command failed in a way that it does not know."""

    reason = "command_failed"
    hint = "Please report it, with these places in the program."


@contextmanager
def errors_told(*, as_json: bool) -> Iterator[None]:
    """Turn a `DmaskError` into a message with its hint, and exit code 1.

    Of any other exception only its class and places in the program are told: its message may quote
    the data set or the file's name.
    """
    try:
        yield
    except DmaskError as error:
        _tell_error(error, as_json=as_json)
        raise typer.Exit(1) from None
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:  # noqa: BLE001 - a traceback ends in a message, which may quote
        _tell_error(_unforeseen(error), as_json=as_json)
        raise typer.Exit(1) from None


def _unforeseen(error: Exception) -> CommandFailed:
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    places = " ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames)
    return CommandFailed(f"{type(error).__name__} at {places}")


def _tell_error(error: DmaskError, *, as_json: bool) -> None:
    if as_json:
        told = {"error": error.reason, "message": str(error), "hint": error.hint}
        sys.stdout.write(json.dumps(told, sort_keys=True) + "\n")
        return
    _errors.print(f"dmask: {error.reason}: {error}", markup=False)
    if error.hint:
        _errors.print(f"  {error.hint}", markup=False)

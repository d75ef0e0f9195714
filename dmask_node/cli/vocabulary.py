"""``dmask vocabulary``: decide which descriptors of the cameras may be sent on."""

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console

from dmask_node.audit.journal import Journal
from dmask_node.cli.output import ConfigOption, JsonOption, answer, console, errors_told
from dmask_node.cli.person import shown, user_name
from dmask_node.config import Settings, audit_folder, load_keys, load_settings, site_vocabulary
from dmask_node.deidentify.site_vocabulary import Decision, Entry, SiteVocabulary, TermRefused
from dmask_node.errors import Permanent

vocabulary_app = typer.Typer(
    help="Decide which descriptors of the cameras may be sent on.", no_args_is_help=True
)
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Of an entry, or how it begins.")]
_QUESTION = "[y] send as it is  [e] send other words  [n] never  [s] later  [q] stop"


class NoTerminal(Permanent):
    """Values are shown at a terminal only, and here is none."""

    reason = "no_terminal"
    hint = "Run it at a terminal, or use `dmask vocabulary list`, `approve` and `reject`."


class _Desk:
    """The vocabulary of a node, and the journal that knows who decided."""

    def __init__(self, settings: Settings) -> None:
        self.vocabulary: SiteVocabulary = site_vocabulary(settings, load_keys(settings))
        self._journal = Journal(audit_folder(settings), settings.node.name)
        self._user = user_name()

    def approve(self, entry: Entry, term: str | None) -> str:
        """Approve, with a record."""
        return self.vocabulary.approve(entry, term, self._record("vocabulary_approved", entry))

    def reject(self, entry: Entry) -> None:
        """Reject, with a record."""
        self.vocabulary.reject(entry, self._record("vocabulary_rejected", entry))

    def _record(self, event: str, entry: Entry) -> Callable[[], None]:
        facts = {"vocabulary_id": entry.id, "attribute": entry.attribute, "user": self._user}
        return lambda: self._journal.append(event, "", "ok", facts)

    def record_showing(self, count: int) -> None:
        """Enter that values were shown, before they are."""
        facts: dict[str, str | int | float] = {"count": count, "user": self._user}
        self._journal.append("vocabulary_shown", "", "ok", facts)


@vocabulary_app.command()
def review(config: ConfigOption = None) -> None:
    """Decide about each value that waits, at the terminal; nothing else shows them.

    A value that names a patient, a person, a place or a day is for n, or for e.
    """
    with errors_told(as_json=False):
        if not _at_terminal():
            raise NoTerminal
        desk = _Desk(load_settings(config))
        waiting = desk.vocabulary.entries(Decision.PENDING)
        if waiting:
            desk.record_showing(len(waiting))
        screen = console()
        screen.print(f"{len(waiting)} values wait.")
        for number, entry in enumerate(waiting, start=1):
            screen.print(f"\n{number}/{len(waiting)}  {_seen(entry)}", markup=False)
            if not _decide(desk, entry, screen):
                break
        left = len(desk.vocabulary.entries(Decision.PENDING))
        screen.print(f"{len(waiting) - left} decided, {left} wait.")


def _at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _seen(entry: Entry) -> str:
    return f"{entry.attribute}, seen {entry.count} times, {entry.first_seen} to {entry.last_seen}"


def _decide(desk: _Desk, entry: Entry, screen: Console) -> bool:
    """Ask about one value until there is an answer; return whether to go on."""
    value = desk.vocabulary.value(entry)
    if value is None:
        screen.print("  sealed under another key: only n can be answered")
    else:
        screen.print(f"  {shown(value)}", markup=False)
    while True:
        match typer.prompt(_QUESTION, default="s", show_default=False).strip().lower()[:1]:
            case "y" if _approved(desk, entry, None, screen):
                return True
            case "e" if _approved(desk, entry, typer.prompt("send"), screen):
                return True
            case "n":
                desk.reject(entry)
                return True
            case "s":
                return True
            case "q":
                return False


def _approved(desk: _Desk, entry: Entry, term: str | None, screen: Console) -> bool:
    try:
        desk.approve(entry, term)
    except TermRefused as error:
        screen.print(f"  {error}", markup=False)
        return False
    return True


@vocabulary_app.command("list")
def list_waiting(
    config: ConfigOption = None,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="The values, too: they may identify a patient.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List what waits for a decision, the most frequent first."""
    with errors_told(as_json=as_json):
        desk = _Desk(load_settings(config))
        waiting = desk.vocabulary.entries(Decision.PENDING)
        if show_values:
            desk.record_showing(len(waiting))
        rows = [_plain(entry) for entry in waiting]
        if show_values:
            for row, entry in zip(rows, waiting, strict=True):
                row["value"] = desk.vocabulary.value(entry)
        beyond = desk.vocabulary.beyond()

    def tell(screen: Console) -> None:
        for entry, row in zip(waiting, rows, strict=True):
            screen.print(f"{entry.id[:12]}  {_seen(entry)}", markup=False)
            if show_values:
                value = row["value"]
                told = "(sealed under another key)" if value is None else shown(value)
                screen.print(f"  {told}", markup=False)
        for attribute, count in beyond.items():
            screen.print(f"and {count} times a {attribute} that found no place to wait")

    answer({"pending": rows, "beyond": beyond}, as_json=as_json, tell=tell)


def _plain(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "attribute": entry.attribute,
        "count": entry.count,
        "first_seen": entry.first_seen,
        "last_seen": entry.last_seen,
    }


@vocabulary_app.command()
def approve(
    id_: IdArgument,
    term: Annotated[
        str | None, typer.Option("--as", metavar="TERM", help="Send this instead of the value.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a value be sent from now on, as it is or in other words; the running node knows it."""
    with errors_told(as_json=as_json):
        desk = _Desk(load_settings(config))
        entry = desk.vocabulary.find(id_)
        sent = desk.approve(entry, term)
    answer({"approved": entry.id, "attribute": entry.attribute, "term": sent}, as_json=as_json)


@vocabulary_app.command()
def reject(id_: IdArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Never send a value, forget it, and do not ask again. Takes an approval back, too."""
    with errors_told(as_json=as_json):
        desk = _Desk(load_settings(config))
        entry = desk.vocabulary.find(id_)
        desk.reject(entry)
    answer({"rejected": entry.id, "attribute": entry.attribute}, as_json=as_json)


@vocabulary_app.command()
def approved(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the approved terms: beside the lists of the profiles, this is what may be sent."""
    with errors_told(as_json=as_json):
        settings = load_settings(config)
        vocabulary = site_vocabulary(settings, load_keys(settings))
        rows = [
            {"id": entry.id, "attribute": entry.attribute, "term": entry.term}
            for entry in vocabulary.entries(Decision.APPROVED)
        ]

    def tell(screen: Console) -> None:
        for row in rows:
            term = shown(row["term"])
            screen.print(f"{row['id'][:12]}  {row['attribute']}  {term}", markup=False)

    answer({"approved": rows}, as_json=as_json, tell=tell)

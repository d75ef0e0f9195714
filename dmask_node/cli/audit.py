"""``dmask audit verify``: follow the hash chain of the audit journal."""

import typer

from dmask_node.audit.journal import Journal
from dmask_node.cli.output import ConfigOption, JsonOption, answer, errors_told
from dmask_node.config import audit_folder, load_settings
from dmask_node.errors import Permanent


class NoJournalYet(Permanent):
    """There is no audit journal where the settings say."""

    reason = "no_journal_yet"
    hint = "Give the node's own settings with --config; the journal is made at its first start."


audit_app = typer.Typer(help="Look at the audit journal.", no_args_is_help=True)


@audit_app.callback()
def audit() -> None:
    """Look at the audit journal."""


@audit_app.command()
def verify(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Follow the chain from the first record to the last. Exit code 1 at the first fault."""
    with errors_told(as_json=as_json):
        settings = load_settings(config)
        folder = audit_folder(settings)
        if not folder.exists():
            raise NoJournalYet(f"there is no folder {folder}")
        journal = Journal(folder, settings.node.name)
        fault = journal.verify()
        records = sum(1 for _ in journal.records())
    result = {
        "whole": fault is None,
        "records": records,
        "line": fault.line if fault else None,
        "fault": fault.what if fault else None,
    }
    answer(result, as_json=as_json)
    if fault is not None:
        raise typer.Exit(1)

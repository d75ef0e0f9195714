"""``dmask keys``: make the master key, and tell keys by their fingerprints."""

import os
import pwd
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dmask_node.audit.journal import Journal
from dmask_node.cli.output import ConfigOption, JsonOption, answer, errors_told
from dmask_node.config import (
    Settings,
    audience_of,
    audit_folder,
    create_keys,
    key_credential,
    load_keys,
    load_settings,
)
from dmask_node.deidentify.keys import KeyFileExists, MasterKey, create_key_file

keys_app = typer.Typer(help="The key that names everything that goes out.", no_args_is_help=True)


@keys_app.command()
def create(
    path: Annotated[
        Path | None, typer.Argument(help="Where to; without it, where the settings say.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a new master key: 32 random bytes, mode 0600. Never replaces one."""
    with errors_told(as_json=as_json):
        settings = load_settings(config)
        made = path or settings.own_key_file
        if path is None and settings.deidentify.key_file is None and key_credential() is not None:
            raise KeyFileExists("systemd gives a key as a credential")
        recorded = _may_record(settings, made)

        def record(key: MasterKey) -> None:
            if recorded:
                record_creation(settings, key)

        key = create_key_file(path, record) if path else create_keys(settings, record)
        used = made.absolute() == settings.key_file.absolute()
    told = {
        "key_file": str(made),
        "fingerprint": key.fingerprint(),
        "configured": used,
        "recorded": recorded,
    }

    def tell(shown: Console) -> None:
        owner = pwd.getpwuid(os.geteuid()).pw_name
        shown.print(f"made {made}, fingerprint {key.fingerprint()}", markup=False)
        for line in _advice(made, owner, used=used, recorded=recorded):
            shown.print(f"- {line}", markup=False)

    answer(told, as_json=as_json, tell=tell)


def record_creation(settings: Settings, key: MasterKey) -> None:
    """Enter in the audit journal that a key was made, before it is there."""
    journal = Journal(audit_folder(settings), settings.node.name)
    journal.append("key_created", "", "ok", {"key_fingerprint": key.fingerprint()})


def _may_record(settings: Settings, made: Path) -> bool:
    """Return whether the journal is there, or may be begun with this key.

    With a key elsewhere it may not: root, who makes that key, would own a journal in which the
    node's user could not write. The node's first start names the key.
    """
    inside = made.absolute().is_relative_to(settings.node.state_dir.absolute())
    return inside or (audit_folder(settings) / "journal.jsonl").exists()


def _advice(made: Path, owner: str, *, used: bool, recorded: bool) -> list[str]:
    lines = [
        "Put a copy into escrow now, sealed: a lost key can't be made again.",
        "Keep it from others: with it and a list of record numbers, every mask can be named.",
        "Keep it off the volume that holds the node's state, and out of that volume's backups.",
        f"Only {owner} can read it. If the node runs as another user, give it the file (chown),",
        "or let systemd hand it over (LoadCredential=, see config/dmask.service).",
    ]
    if not used:
        lines.append(f'The settings name another place: key_file = "{made}" in [deidentify].')
    if not recorded:
        lines.append("Not in the audit journal, which is not begun: the node's start will name it.")
    return lines


@keys_app.command()
def fingerprint(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Tell the fingerprint of the key, and of what each destination is given, in this epoch.

    The latter stands in De-identification Method of every object sent there.
    """
    with errors_told(as_json=as_json):
        settings = load_settings(config)
        key = load_keys(settings)
        epoch = settings.deidentify.epoch
        destinations = []
        for destination in settings.forward.destinations:
            label = audience_of(destination, settings).label
            destinations.append(
                {
                    "destination": destination.name,
                    "label": label,
                    "epoch": epoch,
                    "fingerprint": key.keys(epoch, label).fingerprint(),
                }
            )
    told = {
        "key_file": str(settings.key_file),
        "fingerprint": key.fingerprint(),
        "destinations": destinations,
    }

    def tell(shown: Console) -> None:
        shown.print(f"{key.fingerprint()}  {settings.key_file}", markup=False)
        table = Table("destination", "label", "epoch", "fingerprint", box=None)
        for row in destinations:
            table.add_row(*row.values())
        shown.print(table)

    answer(told, as_json=as_json, tell=tell)

"""``dmask rules``: the whole policy, as judged by PS3.15 Table E.1-1."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Annotated, Any, Final

import typer
from pydicom.uid import UID
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dmask_node.cli.output import ConfigOption, JsonOption, answer, errors_told
from dmask_node.config import Settings, load_settings
from dmask_node.deidentify.additions import addable, grammar_for
from dmask_node.deidentify.confidentiality_table import (
    Basic,
    Provenance,
    TableRow,
    load_table,
    method_meanings,
)
from dmask_node.deidentify.rules import (
    DECLARABLE,
    Action,
    RuleRow,
    judge_addition,
    judge_all,
    removed_rows,
)
from dmask_node.errors import SettingsRefused

rules_app = typer.Typer(help="Look at the rules.", no_args_is_help=True)

ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", help="As this profile has it; without: under every option."),
]
_IN_CODES: Final = frozenset({"CodeValue", "CodingSchemeDesignator", "CodeMeaning"})
"""Said once for all code sequences, not each time."""


@rules_app.command()
def show(
    profile: ProfileOption = None,
    config: ConfigOption = None,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="As the page docs/rules.md.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Print what is sent and where it comes from, as the confidentiality table permits it.

    Example: dmask rules show --profile default --config /etc/dmask/dmask.toml
    """
    with errors_told(as_json=as_json):
        settings = load_settings(config)
        rows = _rows(settings, profile)
    if as_markdown:
        sys.stdout.write(markdown(settings, profile))
        return
    answer(_plain(settings, profile, rows), as_json=as_json, tell=lambda c: _tell(c, rows))


def _options(settings: Settings, profile: str | None) -> frozenset[str]:
    if profile is None:
        return DECLARABLE
    if profile not in settings.profiles:
        raise SettingsRefused(f"no profile {profile} in the settings")
    return settings.profiles[profile].options()


def _rows(settings: Settings, profile: str | None) -> tuple[RuleRow, ...]:
    """Judge the lists of the package, and what the profile adds to them."""
    options = _options(settings, profile)
    added = settings.profiles[profile].extra_keep if profile else ()
    additions = (judge_addition(keep.attribute, keep.kind, options) for keep in added)
    return (*judge_all(options), *additions)


# For programs


def _plain(settings: Settings, profile: str | None, rows: tuple[RuleRow, ...]) -> dict[str, Any]:
    source = load_table().provenance
    return {
        "table": {name: getattr(source, name) for name in source.__dataclass_fields__},
        "profiles": {name: sorted(p.options()) for name, p in settings.profiles.items()},
        "profile": profile,
        "rules": [_plain_row(row) for row in rows],
        "removed": [
            {"tag": row.tag, "name": row.name, "table_code": row.basic}
            for row in removed_rows(rows)
        ],
    }


def _plain_row(row: RuleRow) -> dict[str, Any]:
    return {
        "sop_class_uid": row.sop_class_uid,
        "path": row.path,
        "keyword": row.keyword,
        "tag": tag_text(row.tag),
        "concept": row.concept,
        "table_code": row.basic,
        "action": row.action,
        "source": row.source,
        "option": row.option,
        "otherwise": row.otherwise,
    }


# For people


def _tell(shown: Console, rows: tuple[RuleRow, ...]) -> None:
    source = load_table().provenance
    for sop_class, group in _by_class(rows):
        table = Table(title=sop_class, title_justify="left", box=None)
        for head in ("tag", "attribute", "table", "action", "option", "value"):
            table.add_column(head, overflow="fold")
        for row in group:
            cells = (tag_text(row.tag), _indented(row, "  "), row.basic or "", _action(row))
            table.add_row(*cells, row.option, escape(row.source))
        shown.print(table)
    shown.print(_everything_else(rows), markup=False)
    shown.print(
        f"{source.table}, edition {source.edition}, rows SHA-256 {source.rows_sha256}",
        markup=False,
    )


def _by_class(rows: Iterable[RuleRow]) -> Iterator[tuple[str, list[RuleRow]]]:
    """Yield the rows of each kind of object under its name, without the triples of codes."""
    shown = (row for row in rows if row.keyword not in _IN_CODES)
    for uid, group in groupby(shown, key=lambda row: row.sop_class_uid):
        yield UID(uid).name if uid else "Added by the site", list(group)


def _indented(row: RuleRow, by: str) -> str:
    return by * len(row.path) + row.keyword + (f", {row.concept}" if row.concept else "")


def _action(row: RuleRow) -> str:
    return f"{row.action}, else {row.otherwise}" if row.otherwise else str(row.action)


def tag_text(tag: int) -> str:
    """Return a tag as ``(0010,0010)``."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _everything_else(rows: tuple[RuleRow, ...]) -> str:
    removed = removed_rows(rows)
    return (
        f"Everything else is removed: {len(removed)} of the table's {len(load_table().rows)} rows, "
        "private attributes among them, and whatever the table does not name."
    )


# For docs/rules.md

_ACTIONS: Final[Mapping[Action, str]] = {
    Action.OWN: "a new value of the new instance, made here; the source's is gone",
    Action.EMPTY: "sent without a value",
    Action.KEYED: "a keyed UID or pseudonym stands for the source's value",
    Action.ENUMERATED: "the source's value if it is one of a fixed list",
    Action.VOCABULARY: "the site's own spelling of the source's value, if the site lists it",
    Action.MATCHED: "the source's value if it is within a range or a pattern",
    Action.SHIFTED: "date and time, moved by the patient's keyed offset",
    Action.ENCRYPTED: "identity in an envelope that only recipients whom the site names can open",
    Action.REMOVED: "not sent",
}


def markdown(settings: Settings, profile: str | None = None) -> str:
    """Return the policy as a page of Markdown.

    Parameters
    ----------
    settings : Settings
        Whose profiles are listed.
    profile : str, optional
        Whose options hold; default: every option that the node offers.

    Returns
    -------
    str
        docs/rules.md, if the settings are the defaults and no profile is named.

    Raises
    ------
    SettingsRefused
        If there is no such profile.
    RuleForbidden
        If the table and the options forbid an entry of an allow-list.
    """
    rows = _rows(settings, profile)
    blocks = [_head(load_table().provenance, profile), *_option_tables(settings)]
    blocks += ["## Actions", _table(("action", "meaning"), _ACTIONS.items())]
    for name, group in _by_class(rows):
        blocks += [f"## {name}", _rule_table(row for row in group if not row.concept)]
        items = [row for row in group if row.concept]
        if items:
            blocks += ["Values of its content items, by concept name:", _rule_table(items)]
    if profile is None:
        blocks += ["## What a site may add", _ADDITIONS, _addition_table()]
    blocks += ["## Everything else", _everything_else(rows), _removed_table(rows)]
    return "\n\n".join(blocks) + "\n"


def _head(source: Provenance, profile: str | None) -> str:
    asked = f" --profile {profile}" if profile else ""
    return f"""\
# Rules

Every attribute that may leave the node, where its value comes from, and what {source.table}
says about it. This page is what `dmask rules show --markdown{asked}` prints; the lists are in
[`data/allowed/`](../dmask_node/data/allowed), what is judged and how in
[decision 6](decisions/0006-the-table-is-the-judge.md).

| the table | |
| --- | --- |
| edition | {source.edition}, {len(load_table().rows)} rows |
| read by | {source.package}, wheel SHA-256 `{source.wheel_sha256}` |
| from | `part15.xml`, SHA-256 `{source.standard_source_sha256}` as that package states |
| rows, checked when loaded | SHA-256 `{source.rows_sha256}` |

Each item of a code sequence holds Code Value, Coding Scheme Designator and Code Meaning as they
stand in [`codes.toml`](../dmask_node/data/allowed/codes.toml); none comes from a source."""


def _option_tables(settings: Settings) -> Iterator[str]:
    meanings = method_meanings()
    yield "## Options"
    profiles = list(settings.profiles)
    yield _table(
        ("code (CID 7050)", "meaning", *(f"profile `{name}`" for name in profiles)),
        (
            (
                code,
                meanings[code],
                *("yes" if code in settings.profiles[name].options() else "" for name in profiles),
            )
            for code in sorted(DECLARABLE)
        ),
    )
    others = ", ".join(f"{c} {meanings[c]}" for c in sorted(set(meanings) - DECLARABLE))
    yield f"Not offered, so nothing stands under them: {others}."


def _rule_table(rows: Iterable[RuleRow]) -> str:
    return _table(
        ("tag", "attribute", "table", "action", "option", "value"),
        (
            (
                tag_text(row.tag),
                row.concept or _indented(row, "> "),
                row.basic or "",
                _action(row),
                row.option,
                row.source,
            )
            for row in rows
        ),
    )


_ADDITIONS: Final = """\
`extra_keep` of a profile takes these, each with all values that it may have
([`additions.toml`](../dmask_node/data/allowed/additions.toml)), and only where the profile declares
the option."""


def _addition_table() -> str:
    """List what a site may add, with the option that it takes."""
    rows = []
    for keyword, objects in addable().items():
        grammar = grammar_for(keyword)
        row = judge_addition(keyword, grammar, DECLARABLE)
        cells = (tag_text(row.tag), keyword, row.basic or "", grammar, row.option)
        rows.append((*cells, ", ".join(objects)))
    return _table(("tag", "attribute", "table", "grammar", "option", "objects"), rows)


def _removed_table(rows: tuple[RuleRow, ...]) -> str:
    removed: dict[Basic, list[TableRow]] = {code: [] for code in Basic}
    for row in removed_rows(rows):
        removed[row.basic].append(row)
    return _table(
        ("table", "rows", "attributes"),
        (
            (code, str(len(found)), ", ".join(f"{row.name} ({row.tag})" for row in found))
            for code, found in removed.items()
            if found
        ),
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("_", "\\_").replace("*", "\\*")

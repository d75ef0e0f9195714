"""``dmask serve``, ``dmask doctor``, ``dmask version``."""

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dmask_node.cli.output import ConfigOption, JsonOption, answer, errors_told
from dmask_node.config import load_settings
from dmask_node.doctor import Verdict, examine
from dmask_node.models.store import digests
from dmask_node.service import serve
from dmask_node.version import RENDERER, VERSION

_STYLE = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.BAD: "red"}


def serve_node(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Run the node: receive, mask, forward, until SIGTERM.

    Its log goes to stdout, one JSON object a line; --json also makes a refusal to start one.
    """
    with errors_told(as_json=as_json):
        serve(load_settings(config))


def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Examine models, key, folders, ports, destinations and clock. Exit code 1 if one is bad."""
    with errors_told(as_json=as_json):
        findings = examine(load_settings(config))
    listed = [
        {"what": f.what, "verdict": str(f.verdict), "found": f.found, "hint": f.hint}
        for f in findings
    ]
    healthy = all(f.verdict is not Verdict.BAD for f in findings)

    def tell(shown: Console) -> None:
        table = Table("", "what", "found", box=None, pad_edge=False)
        for f in findings:
            hint = f"\n{f.hint}" if f.hint else ""
            verdict = f"[{_STYLE[f.verdict]}]{f.verdict}[/]"
            table.add_row(verdict, escape(f.what), escape(f.found + hint))
        shown.print(table)

    answer({"healthy": healthy, "findings": listed}, as_json=as_json, tell=tell)
    if not healthy:
        raise typer.Exit(1)


def version(as_json: JsonOption = False) -> None:
    """Tell versions of software and renderer, and the digests of the models."""
    result = {"dmask_node": VERSION, "renderer": RENDERER, "models": dict(digests())}

    def tell(shown: Console) -> None:
        shown.print(f"dmask_node {VERSION}, renderer {RENDERER}")
        for name, digest in digests().items():
            shown.print(f"  {digest[:16]}  {name}", markup=False)

    answer(result, as_json=as_json, tell=tell)

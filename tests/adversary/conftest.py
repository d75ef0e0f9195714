"""The pipeline, built once; the objects are, too, by `planted`."""

from collections.abc import Iterator

import pytest

from tests.adversary.adapter import Masker, a_masker


@pytest.fixture(scope="session")
def masker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Masker]:
    """A node's pipeline; what leaves is all that can: the test of a whole node sends the least."""
    with a_masker(tmp_path_factory.mktemp("adversary") / "state", ["rich"]) as made:
        yield made

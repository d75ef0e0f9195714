"""The pipeline, built once; the objects are, too, by `planted`."""

from collections.abc import Iterator

import pytest

from tests.adversary.adapter import Masker, a_masker


@pytest.fixture(scope="session")
def masker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Masker]:
    """A node's pipeline with a key of its own."""
    with a_masker(tmp_path_factory.mktemp("adversary") / "state") as made:
        yield made

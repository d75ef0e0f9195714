"""Fixtures: a private loopback, a real Orthanc in it, and the node."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.network import PrivateLoopback
from tests.e2e.peers import Node, Orthanc


@pytest.fixture
def net() -> Iterator[PrivateLoopback]:
    """A network namespace with only a loopback interface."""
    private = PrivateLoopback()
    yield private
    private.close()


@pytest.fixture
def orthanc(net: PrivateLoopback, tmp_path: Path) -> Iterator[Orthanc]:
    """A running Orthanc with an empty store."""
    pacs = Orthanc(net, tmp_path / "pacs")
    pacs.start()
    yield pacs
    pacs.stop()


@pytest.fixture
def make_node(net: PrivateLoopback, tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """Makes and starts nodes; stops them at the end."""
    made: list[Node] = []

    def make(settings: str = "") -> Node:
        node = Node(net, tmp_path / f"node{len(made)}", settings)
        made.append(node)
        node.start()
        return node

    yield make
    for node in made:
        node.stop()

"""What the documentation repeats of the code is what the code says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pynetdicom import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION

from tests.doc_tables import DOCS, TABLES, TOP, WHOLE_PAGES, blocks, error_classes, pages

PLACED = [(page, name) for page in pages() for name in blocks(page)]


@pytest.mark.parametrize(
    ("page", "name"), PLACED, ids=[f"{page.stem}-{name}" for page, name in PLACED]
)
def test_a_table_is_what_the_code_says(page: Path, name: str) -> None:
    assert blocks(page)[name] == TABLES[name](), "run: .venv/bin/python -m tests.doc_tables"


@pytest.mark.parametrize("page", WHOLE_PAGES, ids=lambda page: page.stem)
def test_a_page_is_what_the_code_says(page: Path) -> None:
    written = page.read_text("utf-8")
    assert written == WHOLE_PAGES[page](), "run: .venv/bin/python -m tests.doc_tables"


def test_every_table_stands_somewhere() -> None:
    assert {name for _, name in PLACED} == set(TABLES)


def test_every_reason_has_one_meaning() -> None:
    reasons = [kind.reason for kind in error_classes()]
    assert len(reasons) == len(set(reasons))
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", reason) for reason in reasons)


def test_the_network_library_is_named_as_it_names_itself() -> None:
    page = (DOCS / "conformance.md").read_text("utf-8")
    assert f"`{PYNETDICOM_IMPLEMENTATION_UID}`, `{PYNETDICOM_IMPLEMENTATION_VERSION}`" in page


def test_every_event_of_the_log_is_explained() -> None:
    page = (DOCS / "operations.md").read_text("utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    explained = {event for row in rows for event in re.findall(r"`(\w+)`", row)}
    logged = {event for file in (TOP / "dmask_node").rglob("*.py") for event in _events(file)}
    assert {"received", "quarantined", "worker_died"} <= logged
    assert logged <= explained


def _events(file: Path) -> Iterator[str]:
    """Yield the events that a file logs: first words of calls of ``_log``."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "_log"
        ):
            (event, *_) = node.args
            assert isinstance(event, ast.Constant), file
            yield str(event.value).split(" ")[0]

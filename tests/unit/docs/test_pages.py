"""Links lead somewhere; commands, tasks and settings that pages name exist."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from dmask_node.cli.app import app
from dmask_node.config import Settings, load_settings
from tests.doc_tables import TOP, pages

PAGES = pages()
NAMES = [str(page.relative_to(TOP)) for page in PAGES]

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    return _FENCED.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """Headings as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in _LINK.findall(prose(page)):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(TOP), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the arguments of every ``dmask`` command that a page quotes."""
    text = page.read_text("utf-8")
    shown = [
        line.removeprefix("$ ")
        for kind, body in _FENCED.findall(text)
        if kind in ("sh", "console")
        for line in body.splitlines()
        if kind == "sh" or line.startswith("$ ")
    ]
    for piece in [*shown, *_INLINE.findall(prose(page))]:
        words = shlex.split(piece.replace("\n", " "), comments=True) if "dmask" in piece else []
        for place, word in enumerate(words):
            if word == "dmask" or word.endswith("bin/dmask"):
                arguments = words[place + 1 :]
                if place == 0 or words[place - 1] in ("--", "sudo", "$"):
                    yield [w for w in arguments if w != "..."]
                break


def look_up(arguments: list[str]) -> None:
    """Find the command that the arguments name, and every option that they give it."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and arguments:
        assert arguments[0] in command.commands, f"no command {arguments[0]}"
        command, arguments = command.commands[arguments[0]], arguments[1:]
    for option in (word.split("=")[0] for word in arguments if word.startswith("-")):
        known = {name for parameter in command.params for name in parameter.opts}
        assert option in known, f"{command.name} has no {option}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_exists_with_its_options(page: Path) -> None:
    for arguments in commands(page):
        look_up(arguments)


def test_the_search_for_commands_finds_them() -> None:
    found = list(commands(TOP / "docs" / "operations.md"))
    assert ["config", "check", "--config", "/etc/dmask/dmask.toml"] in found
    assert ["audit", "verify"] in found
    assert len(found) > 15
    for wrong in (["mend"], ["audit", "mend"], ["jobs", "--all"]):
        with pytest.raises(AssertionError, match=r"has no|no command"):
            look_up(wrong)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_task_is_in_the_makefile(page: Path) -> None:
    tasks = set(re.findall(r"^([a-z]+):", (TOP / "Makefile").read_text("utf-8"), re.MULTILINE))
    pieces = [body for _, body in _FENCED.findall(page.read_text("utf-8"))]
    pieces += _INLINE.findall(prose(page))
    for piece in pieces:
        for task in re.findall(r"^make ([a-z]+)\b", piece, flags=re.MULTILINE):
            assert task in tasks, task


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_setting_that_is_named_exists(page: Path) -> None:
    rooms = {name: field.annotation for name, field in Settings.model_fields.items()}
    for piece in _INLINE.findall(prose(page)):
        found = re.fullmatch(r"([a-z]+)\.([a-z][a-z0-9_]+)", piece)
        if found and found[1] in rooms and found[2] not in ("py", "toml", "sqlite"):
            assert found[2] in getattr(rooms[found[1]], "model_fields", {}), piece


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_settings_file_that_is_shown_loads(page: Path, tmp_path: Path) -> None:
    for kind, body in _FENCED.findall(page.read_text("utf-8")):
        if kind == "toml":
            file = tmp_path / "shown.toml"
            file.write_text(body)
            load_settings(file)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_test_that_is_named_exists(page: Path) -> None:
    written = "\n".join(f.read_text("utf-8") for f in (TOP / "tests").rglob("test_*.py"))
    for name in re.findall(r"`(test_\w+)`", prose(page)):
        assert f"def {name}(" in written, name

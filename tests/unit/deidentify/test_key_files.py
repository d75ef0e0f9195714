"""Where the key is read from, and how a new one comes about."""

import os
import re
import stat
from pathlib import Path

import pytest

from dmask_node.deidentify.keys import (
    KeyFileExists,
    KeyFileUnusable,
    KeyMissing,
    MasterKey,
    create_key_file,
)

KEY = bytes(range(1, 33))


def a_file(path: Path, mode: int) -> Path:
    path.write_bytes(KEY)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600])
def test_a_credential_may_be_as_systemd_makes_it(tmp_path: Path, mode: int) -> None:
    path = a_file(tmp_path / "dmask-master-key", mode)
    key = MasterKey.from_file(path, credential=True)
    assert key.fingerprint() == MasterKey(KEY).fingerprint()


@pytest.mark.parametrize("mode", [0o644, 0o404, 0o460, 0o640, 0o444, 0o700])
def test_a_credential_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = a_file(tmp_path / "dmask-master-key", mode)
    with pytest.raises(KeyFileUnusable, match=f"mode {mode:04o} and owner {os.getuid()}"):
        MasterKey.from_file(path, credential=True)


def test_a_credential_belongs_to_root_or_to_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = a_file(tmp_path / "dmask-master-key", 0o440)
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    if owner == 0:
        MasterKey.from_file(path, credential=True)
        os.chown(path, 12345, 0)
    with pytest.raises(KeyFileUnusable, match="owner"):
        MasterKey.from_file(path, credential=True)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid)
    MasterKey.from_file(path, credential=True)


def test_a_missing_key_has_a_reason_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing, match="does not exist") as missing:
        MasterKey.from_file(tmp_path / "none")
    assert missing.value.reason == "key_missing"
    assert "dmask keys create" in missing.value.hint
    with pytest.raises(KeyFileUnusable) as broken:
        MasterKey.from_file(a_file(tmp_path / "open", 0o644))
    assert broken.value.reason == "key_file_unusable"


def test_a_passing_key_is_another_each_time() -> None:
    assert MasterKey.passing().fingerprint() != MasterKey.passing().fingerprint()


def test_a_new_key_is_told_before_it_is_there_and_is_the_one_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    told: list[tuple[str, bool]] = []
    made = create_key_file(path, lambda key: told.append((key.fingerprint(), path.exists())))
    assert told == [(made.fingerprint(), False)]
    assert MasterKey.from_file(path).fingerprint() == made.fingerprint()
    assert re.fullmatch(rb"[0-9a-f]{64}\n", path.read_bytes())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_nlink == 1


def test_a_key_that_can_not_be_recorded_is_not_made(tmp_path: Path) -> None:
    def refuse(_: MasterKey) -> None:
        raise RuntimeError("journal full")

    with pytest.raises(RuntimeError, match="journal full"):
        create_key_file(tmp_path / "key", refuse)
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_is_there_already_is_not_recorded_as_made(tmp_path: Path) -> None:
    create_key_file(tmp_path / "key")
    (tmp_path / "dangling").symlink_to(tmp_path / "elsewhere")
    told: list[MasterKey] = []
    for name in ("key", "dangling"):
        with pytest.raises(KeyFileExists, match=name):
            create_key_file(tmp_path / name, told.append)
    assert told == []


def test_of_two_that_make_a_key_the_second_loses(tmp_path: Path) -> None:
    path = tmp_path / "key"

    def meanwhile(_: MasterKey) -> None:
        path.write_bytes(KEY)

    with pytest.raises(KeyFileExists):
        create_key_file(path, meanwhile)
    assert path.read_bytes() == KEY
    assert list(tmp_path.iterdir()) == [path]

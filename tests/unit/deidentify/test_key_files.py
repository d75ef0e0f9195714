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


def test_what_is_derived_stays_the_same_from_release_to_release() -> None:
    # Ledgers, vocabularies and objects hold what is made of these: never change them.
    key = MasterKey(KEY)
    assert key.fingerprint() == "324ef6441c975953"
    assert key.keyed_digest("1.2.3") == (
        "876e0a4ef6e571e54c23411dd6842c42060bb0bbae05d37668c65854cb51fb4f"
    )
    assert key.encryption_key("vocabulary").hex() == (
        "f2555a3d315e67fe0dffef2428ebadab71ae2866fd4d4658ddffcce1cc5b8975"
    )
    assert key.keys("1", "default").fingerprint() == "b607d5796d3e05e5"


def test_only_padding_is_passed_over_in_a_digest() -> None:
    key = MasterKey(KEY)
    assert key.keyed_digest("X1.2X") != key.keyed_digest("1.2")


def test_each_bit_of_a_uid_but_those_of_version_and_variant_is_keyed() -> None:
    keys = MasterKey(KEY).keys("1", "default")
    numbers = [int(keys.uid(str(n)).removeprefix("2.25.")) for n in range(200)]
    always, never = (1 << 128) - 1, 0
    for number in numbers:
        always, never = always & number, never | number
    assert always == (8 << 76) | (2 << 62)
    assert never | (7 << 76) | (1 << 62) == (1 << 128) - 1


@pytest.mark.parametrize("distinct", [11, 12])
def test_a_key_of_few_byte_values_is_no_key(distinct: int) -> None:
    master = bytes(range(distinct)) + bytes(40 - distinct)
    if distinct >= 12:
        MasterKey(master)
    else:
        with pytest.raises(KeyFileUnusable, match=r"^the key is not random: it repeats a few"):
            MasterKey(master)


@pytest.mark.parametrize(
    "content",
    [
        KEY.hex().upper().encode(),
        b"\t\r\n" + KEY.hex().encode() + b" \n",
        bytes(range(256)) * 16,
        b"abcdefghijklmnopqrstuvwxyz012345\x7f",
        b"abcdefghijklmnopqrstuvwxyz012345\x1f",
    ],
)
def test_what_is_a_key(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    text = content.strip().lower()
    raw = KEY if text == KEY.hex().encode() else content
    assert MasterKey.from_file(path).fingerprint() == MasterKey(raw).fingerprint()


def test_a_file_that_is_too_long_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = a_file(tmp_path / "key", 0o600)
    path.write_bytes(bytes(range(256)) * 16 + b"x")
    with pytest.raises(KeyFileUnusable, match=r"key is longer than 4096 bytes; that is no key"):
        MasterKey.from_file(path)
    with pytest.raises(KeyFileUnusable, match=r"^/dev/null is not a regular file$"):
        MasterKey.from_file(Path("/dev/null"))


def test_what_systemd_may_do_others_may_not(tmp_path: Path) -> None:
    path = a_file(tmp_path / "key", 0o440)
    with pytest.raises(KeyFileUnusable, match=f"^{path} has mode 0440; others may read it"):
        MasterKey.from_file(path)


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600])
def test_a_credential_may_be_as_systemd_makes_it(tmp_path: Path, mode: int) -> None:
    path = a_file(tmp_path / "dmask-master-key", mode)
    key = MasterKey.from_file(path, credential=True)
    assert key.fingerprint() == MasterKey(KEY).fingerprint()


@pytest.mark.parametrize("mode", [0o644, 0o404, 0o460, 0o640, 0o444, 0o700])
def test_a_credential_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = a_file(tmp_path / "dmask-master-key", mode)
    told = f"mode {mode:04o} and owner {os.getuid()}; .* that only the service's user can read$"
    with pytest.raises(KeyFileUnusable, match=told):
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

    with pytest.raises(KeyFileExists, match=f"^{path} exists$"):
        create_key_file(path, meanwhile)
    assert path.read_bytes() == KEY
    assert list(tmp_path.iterdir()) == [path]

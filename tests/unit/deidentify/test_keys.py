"""Keyed names hold the patient apart from the outside, and only the key joins them."""

import multiprocessing
import os
import re
import stat
import uuid
from pathlib import Path

import pytest

from dmask_node.deidentify.keys import (
    KeyFileExists,
    KeyFileUnusable,
    Keys,
    MasterKey,
    create_key_file,
)

KEY = bytes(range(1, 33))


def the_keys(master: bytes = KEY, epoch: str = "1", label: str = "default") -> Keys:
    return MasterKey(master).keys(epoch, label)


def names(master: MasterKey) -> tuple[str, str, str]:
    keys = master.keys("1", "default")
    return keys.uid("a"), keys.pseudonym("a"), master.keyed_digest("a")


def a_key_file(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_uid_is_a_version_8_uuid_under_2_25() -> None:
    for number in range(200):
        uid = the_keys().uid("instance", str(number))
        assert re.fullmatch(r"2\.25\.[1-9][0-9]*", uid)
        assert len(uid) <= 44
        parsed = uuid.UUID(int=int(uid[5:]))
        assert parsed.version == 8
        assert parsed.variant == uuid.RFC_4122


def test_names_stay_the_same_from_release_to_release() -> None:
    # Change these only with a new epoch: a PACS holds objects under such names.
    keys = the_keys()
    assert keys.uid("study", "1.2.3") == "2.25.125414504340238143967392960176987402139"
    assert keys.pseudonym("patient", "x") == "56BAOJVGX7WSJBOH"


def test_another_key_epoch_or_label_gives_other_names() -> None:
    variants = [
        the_keys(),
        the_keys(bytes(range(2, 34))),
        the_keys(epoch="2"),
        the_keys(label="study-b"),
        the_keys(epoch="1.default", label="1"),
    ]
    for make in (lambda k: k.uid("a"), lambda k: k.pseudonym("a"), Keys.fingerprint):
        assert len({make(keys) for keys in variants}) == len(variants)


def test_parts_do_not_run_together() -> None:
    keys = the_keys()
    assert keys.uid("a", "bc") != keys.uid("ab", "c")
    assert keys.pseudonym("a", "") != keys.pseudonym("a")


def test_the_ledger_knows_a_source_uid_again_in_every_epoch() -> None:
    key, other = MasterKey(KEY), MasterKey(bytes(range(9, 41)))
    assert key.keyed_digest("1.2.3") == key.keyed_digest(" 1.2.3\0")
    assert re.fullmatch(r"[0-9a-f]{64}", key.keyed_digest("1.2.3"))
    assert key.keyed_digest("1.2.3") not in (other.keyed_digest("1.2.3"), key.keyed_digest("1.2"))


def test_what_is_encrypted_for_one_purpose_opens_for_no_other() -> None:
    key = MasterKey(KEY)
    made = [key.encryption_key("vocabulary"), key.encryption_key("quarantine")]
    made.append(MasterKey(bytes(range(9, 41))).encryption_key("vocabulary"))
    assert {len(value) for value in made} == {32}
    assert len(set(made)) == 3
    assert key.encryption_key("vocabulary") == made[0]


def test_a_pseudonym_fits_a_short_string() -> None:
    assert re.fullmatch(r"[A-Z2-7]{16}", the_keys().pseudonym("patient", "Ä" * 99, "\ud800"))


def test_the_key_does_not_show_in_its_description() -> None:
    for keys in (the_keys(), MasterKey(KEY)):
        assert KEY.hex() not in repr(keys)
        assert keys.fingerprint() in repr(keys)
        assert re.fullmatch(r"[0-9a-f]{16}", keys.fingerprint())


def test_raw_and_hex_files_hold_the_same_key(tmp_path: Path) -> None:
    raw = a_key_file(tmp_path / "raw", KEY)
    text = a_key_file(tmp_path / "hex", KEY.hex().encode() + b"\n", 0o400)
    assert (
        names(MasterKey.from_file(raw)) == names(MasterKey.from_file(text)) == names(MasterKey(KEY))
    )


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o660, 0o601])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = a_key_file(tmp_path / "key", KEY, mode)
    with pytest.raises(KeyFileUnusable, match=f"{mode:04o}"):
        MasterKey.from_file(path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "0 bytes"),
        (KEY[:31], "31 bytes"),
        (KEY[:31].hex().encode(), "31 bytes"),
        (KEY.hex()[:32].encode(), "16 bytes"),
        (bytes(64), "repeats"),
        (b"00" * 32, "repeats"),
        (b"correct horse battery staple and so on", "text"),
        (KEY.hex().encode() + b"0", "text"),
        (os.urandom(5000), "longer than"),
    ],
)
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(KeyFileUnusable, match=why) as refusal:
        MasterKey.from_file(a_key_file(tmp_path / "key", content))
    assert len(content) < 16 or content[:16].decode("latin-1") not in str(refusal.value)


def test_a_missing_key_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(KeyFileUnusable, match="does not exist"):
        MasterKey.from_file(tmp_path / "none")
    with pytest.raises(KeyFileUnusable, match="directory"):
        MasterKey.from_file(tmp_path)


def test_a_new_key_file_is_private_random_and_usable(tmp_path: Path) -> None:
    old_mask = os.umask(0)
    try:
        create_key_file(tmp_path / "a")
        create_key_file(tmp_path / "b")
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert names(MasterKey.from_file(tmp_path / "a")) != names(MasterKey.from_file(tmp_path / "b"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    path = a_key_file(tmp_path / "key", KEY)
    with pytest.raises(KeyFileExists):
        create_key_file(path)
    assert path.read_bytes() == KEY
    assert list(tmp_path.iterdir()) == [path]


def test_a_key_can_not_be_made_in_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyFileUnusable, match="can't be written"):
        create_key_file(tmp_path / "none" / "key")


def _try_to_create(path: Path, barrier: object, outcome: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    try:
        create_key_file(path)
        outcome.put("made")  # type: ignore[attr-defined]
    except KeyFileExists:
        outcome.put("exists")  # type: ignore[attr-defined]


def test_of_two_processes_that_start_at_once_one_makes_the_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier, outcome = context.Barrier(4), context.Queue()
    workers = [
        context.Process(target=_try_to_create, args=(tmp_path / "key", barrier, outcome))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    told = sorted(outcome.get(timeout=20) for _ in workers)
    for worker in workers:
        worker.join()
    assert told == ["exists", "exists", "exists", "made"]
    MasterKey.from_file(tmp_path / "key")


@pytest.mark.parametrize("bad", ["", "a b", "ä", "x" * 33, "a/b"])
def test_epoch_and_label_are_plain_words(bad: str) -> None:
    with pytest.raises(ValueError, match="epoch"):
        the_keys(epoch=bad)
    with pytest.raises(ValueError, match="label"):
        the_keys(label=bad)

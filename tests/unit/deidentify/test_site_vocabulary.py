"""What waits is sealed and bounded; what was decided holds at once, in every process."""

import dataclasses
import logging
import multiprocessing
import os
import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dmask_node.deidentify.keys import MasterKey
from dmask_node.deidentify.site_vocabulary import (
    Decision,
    Entry,
    NoSuchEntry,
    OneInstance,
    SiteVocabulary,
    TermRefused,
    VocabularyBusy,
    VocabularyUnusable,
)

KEY = MasterKey(bytes(range(1, 33)))
ID_OF_STRASSE = "ac7a7eb1d275ce7d6a6e8fdc1fa8e36a97711dd823067a9569ff3b302bf2268a"
NAME = "Portrait of Zimmermann, Anneliese"


class Days:
    """A calendar that is turned by hand."""

    def __init__(self) -> None:
        self.day = date(2026, 3, 1)

    def __call__(self) -> date:
        return self.day


@pytest.fixture
def days() -> Days:
    return Days()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vocabulary" / "terms.sqlite"


@pytest.fixture
def vocabulary(path: Path, days: Days) -> Iterator[SiteVocabulary]:
    made = SiteVocabulary(path, KEY, max_pending=3, today=days)
    yield made
    made.close()


def nothing() -> None:
    pass


def pending(vocabulary: SiteVocabulary) -> list[tuple[str, str | None, int]]:
    return [
        (e.attribute, vocabulary.value(e), e.count) for e in vocabulary.entries(Decision.PENDING)
    ]


def the(vocabulary: SiteVocabulary, decision: Decision = Decision.PENDING) -> Entry:
    [entry] = vocabulary.entries(decision)
    return entry


def test_what_nobody_knows_is_not_sent_and_waits(vocabulary: SiteVocabulary, days: Days) -> None:
    assert vocabulary.match("StudyDescription", NAME) is None
    vocabulary.unseen("StudyDescription", NAME)
    days.day = date(2026, 3, 9)
    vocabulary.unseen("StudyDescription", f"  {NAME.upper()} ")
    vocabulary.unseen("SeriesDescription", NAME)
    assert pending(vocabulary) == [("StudyDescription", NAME, 2), ("SeriesDescription", NAME, 1)]
    first, second = vocabulary.entries(Decision.PENDING)
    assert (first.first_seen, first.last_seen) == ("2026-03-01", "2026-03-09")
    assert (second.first_seen, second.last_seen) == ("2026-03-09", "2026-03-09")
    assert first.id != second.id
    assert len(first.id) == 64
    assert (first.decision, first.term) == (Decision.PENDING, "")
    assert vocabulary.match("StudyDescription", NAME) is None


def test_looking_makes_no_file(vocabulary: SiteVocabulary, path: Path) -> None:
    assert vocabulary.match("StudyDescription", NAME) is None
    assert all(vocabulary.entries(decision) == () for decision in Decision)
    assert vocabulary.beyond() == {}
    assert not path.parent.exists()


def test_file_and_folder_are_the_nodes_alone(vocabulary: SiteVocabulary, path: Path) -> None:
    old_mask = os.umask(0)
    try:
        vocabulary.unseen("StudyDescription", NAME)
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def everything_on_disk(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_nothing_of_a_value_stands_on_disk(vocabulary: SiteVocabulary, path: Path) -> None:
    vocabulary.unseen("StudyDescription", NAME)
    vocabulary.unseen("StudyDescription", "Zimmermann 2")
    entry = vocabulary.entries(Decision.PENDING)[0]
    vocabulary.approve(entry, "Portrait", nothing)
    vocabulary.reject(the(vocabulary), nothing)
    vocabulary.unseen("StudyDescription", NAME + "!")
    on_disk = everything_on_disk(path).lower()
    for word in (b"zimmermann", b"anneliese", "zimmermann".encode("utf-16-le")):
        assert word not in on_disk
    assert b"portrait" in on_disk  # the term, which goes out


def test_a_decided_value_is_wiped(vocabulary: SiteVocabulary, path: Path) -> None:
    for text in (NAME, "other"):
        vocabulary.unseen("StudyDescription", text)
    with sqlite3.connect(path) as database:
        sealed = [row[0] for row in database.execute("SELECT sealed FROM entries ORDER BY id")]
    database.close()
    assert all(value in everything_on_disk(path) for value in sealed)
    first, second = sorted(vocabulary.entries(Decision.PENDING), key=lambda e: e.id)
    vocabulary.approve(first, "Portrait", nothing)
    vocabulary.reject(second, nothing)
    assert not any(value[:24] in everything_on_disk(path) for value in sealed)
    assert vocabulary.value(first) is vocabulary.value(second) is None


def test_two_seals_of_one_value_differ(vocabulary: SiteVocabulary, tmp_path: Path) -> None:
    sealed = []
    for name in ("a", "b"):
        other = SiteVocabulary(tmp_path / name / "t.sqlite", KEY)
        other.unseen("StudyDescription", NAME)
        assert pending(other) == [("StudyDescription", NAME, 1)]
        with sqlite3.connect(tmp_path / name / "t.sqlite") as database:
            [row] = database.execute("SELECT id, sealed FROM entries")
        sealed.append(row)
    assert sealed[0][0] == sealed[1][0]
    assert sealed[0][1][:12] != sealed[1][1][:12]
    assert sealed[0][1][12:20] != sealed[1][1][12:20]


def test_a_value_is_sealed_by_aes_256_gcm_bound_to_attribute_and_row(
    vocabulary: SiteVocabulary, path: Path
) -> None:
    vocabulary.unseen("StudyDescription", NAME)
    with sqlite3.connect(path) as database:
        [(id_, sealed)] = database.execute("SELECT id, sealed FROM entries")
    key = KEY.encryption_key("vocabulary")
    assert len(key) == 32
    bound = f"StudyDescription\0{id_}".encode()
    assert AESGCM(key).decrypt(sealed[:12], sealed[12:], bound).decode() == NAME


def test_a_sealed_value_moved_to_another_row_does_not_open(
    vocabulary: SiteVocabulary, path: Path
) -> None:
    vocabulary.unseen("StudyDescription", NAME)
    vocabulary.unseen("StudyDescription", "Face, frontal")
    with sqlite3.connect(path) as database:
        database.execute("UPDATE entries SET sealed = (SELECT max(sealed) FROM entries)")
    values = [value for _, value, _ in pending(vocabulary)]
    assert sorted(value is None for value in values) == [False, True]
    with sqlite3.connect(path) as database:
        database.execute("UPDATE entries SET attribute = 'SeriesDescription'")
    assert {value for _, value, _ in pending(vocabulary)} == {None}


def test_an_approved_value_is_sent_as_the_administrator_wrote_it(
    vocabulary: SiteVocabulary,
) -> None:
    vocabulary.unseen("StudyDescription", " Gesicht,  FRONTAL")
    assert vocabulary.approve(the(vocabulary), " Face, frontal ", nothing) == "Face, frontal"
    for text in (" Gesicht,  FRONTAL", "gesicht,  frontal", "FACE, frontal", "Face, frontal"):
        assert vocabulary.match("StudyDescription", text) == "Face, frontal"
    for text in ("Gesicht, frontal", "Gesicht", "Face, frontal 2", "%", ""):
        assert vocabulary.match("StudyDescription", text) is None
    assert vocabulary.match("SeriesDescription", "Face, frontal") is None
    assert pending(vocabulary) == []
    entry = the(vocabulary, Decision.APPROVED)
    assert (entry.decision, entry.term) == (Decision.APPROVED, "Face, frontal")


def test_a_value_may_be_approved_as_it_is(vocabulary: SiteVocabulary) -> None:
    vocabulary.unseen("StudyDescription", "Straße FÜNF ")
    assert vocabulary.approve(the(vocabulary), None, nothing) == "Straße FÜNF"
    assert vocabulary.match("StudyDescription", "STRASSE fünf") == "Straße FÜNF"
    vocabulary.unseen("StudyDescription", "straße fünf")
    assert the(vocabulary, Decision.APPROVED).count == 1, "decided: it is not counted any more"


def test_a_rejected_value_is_never_sent_nor_asked_about_again(vocabulary: SiteVocabulary) -> None:
    vocabulary.unseen("StudyDescription", NAME)
    vocabulary.reject(the(vocabulary), nothing)
    assert vocabulary.match("StudyDescription", NAME) is None
    vocabulary.unseen("StudyDescription", NAME)
    assert pending(vocabulary) == []
    entry = the(vocabulary, Decision.REJECTED)
    assert (entry.term, entry.count, vocabulary.value(entry)) == ("", 1, None)


def test_a_rejected_value_stays_so_though_another_is_sent_in_its_words(
    vocabulary: SiteVocabulary,
) -> None:
    vocabulary.unseen("StudyDescription", "Face")
    vocabulary.reject(the(vocabulary), nothing)
    vocabulary.unseen("StudyDescription", "Gesicht")
    vocabulary.approve(the(vocabulary), "Face", nothing)
    assert vocabulary.match("StudyDescription", "Gesicht") == "Face"
    assert vocabulary.match("StudyDescription", "Face") is None


def test_a_waiting_value_is_sent_once_its_very_words_are_approved_elsewhere(
    vocabulary: SiteVocabulary,
) -> None:
    vocabulary.unseen("StudyDescription", "Face")
    vocabulary.unseen("StudyDescription", "Gesicht")
    [gesicht] = [
        e for e in vocabulary.entries(Decision.PENDING) if vocabulary.value(e) == "Gesicht"
    ]
    vocabulary.approve(gesicht, "Face", nothing)
    assert vocabulary.match("StudyDescription", "Face") == "Face"


def test_an_approval_can_be_taken_back_and_given_again(vocabulary: SiteVocabulary) -> None:
    vocabulary.unseen("StudyDescription", NAME)
    vocabulary.approve(the(vocabulary), "Portrait", nothing)
    vocabulary.reject(the(vocabulary, Decision.APPROVED), nothing)
    assert vocabulary.match("StudyDescription", NAME) is None
    assert vocabulary.match("StudyDescription", "Portrait") is None
    rejected = the(vocabulary, Decision.REJECTED)
    with pytest.raises(TermRefused, match=r"^its value can't be read: it was decided"):
        vocabulary.approve(rejected, None, nothing)
    vocabulary.approve(rejected, "Face", nothing)
    assert vocabulary.match("StudyDescription", NAME) == "Face"


@pytest.mark.parametrize("term", ["", "  ", "x" * 65, "a\\b", "a\nb", "a\ud800"])
def test_a_term_that_can_not_stand_in_an_object_is_refused(
    vocabulary: SiteVocabulary, term: str
) -> None:
    vocabulary.unseen("StudyDescription", NAME)
    with pytest.raises(TermRefused) as refused:
        vocabulary.approve(the(vocabulary), term, nothing)
    assert "--as" in refused.value.hint
    assert not term.strip() or term not in str(refused.value)
    assert pending(vocabulary) == [("StudyDescription", NAME, 1)]


def test_a_long_value_needs_other_words(vocabulary: SiteVocabulary) -> None:
    vocabulary.unseen("StudyDescription", "x" * 200)
    with pytest.raises(TermRefused, match="64"):
        vocabulary.approve(the(vocabulary), None, nothing)
    vocabulary.approve(the(vocabulary), "y" * 64, nothing)
    assert vocabulary.match("StudyDescription", "X" * 200) == "y" * 64


def test_a_short_string_takes_sixteen_characters(vocabulary: SiteVocabulary) -> None:
    vocabulary.unseen("StationName", NAME)
    with pytest.raises(TermRefused, match="StationName takes 16"):
        vocabulary.approve(the(vocabulary), "x" * 17, nothing)
    vocabulary.approve(the(vocabulary), "x" * 16, nothing)
    assert vocabulary.match("StationName", NAME) == "x" * 16


def test_a_decision_that_can_not_be_recorded_is_not_made(vocabulary: SiteVocabulary) -> None:
    def full() -> None:
        raise RuntimeError("journal")

    vocabulary.unseen("StudyDescription", NAME)
    with pytest.raises(RuntimeError, match="journal"):
        vocabulary.approve(the(vocabulary), "Face", full)
    with pytest.raises(RuntimeError, match="journal"):
        vocabulary.reject(the(vocabulary), full)
    assert pending(vocabulary) == [("StudyDescription", NAME, 1)]
    assert vocabulary.match("StudyDescription", NAME) is None


def test_a_decision_made_elsewhere_holds_at_once(path: Path, vocabulary: SiteVocabulary) -> None:
    vocabulary.unseen("StudyDescription", NAME)
    assert vocabulary.match("StudyDescription", NAME) is None
    administrator = SiteVocabulary(path, KEY)
    administrator.approve(the(administrator), "Face", nothing)
    assert vocabulary.match("StudyDescription", NAME) == "Face"
    administrator.reject(the(administrator, Decision.APPROVED), nothing)
    assert vocabulary.match("StudyDescription", NAME) is None


def test_of_more_than_can_wait_only_the_number_is_kept(vocabulary: SiteVocabulary) -> None:
    for number in range(5):
        vocabulary.unseen("StudyDescription", f"text {number}")
    vocabulary.unseen("SeriesDescription", "text")
    vocabulary.unseen("StudyDescription", "text 0")
    assert sorted(pending(vocabulary)) == [
        ("StudyDescription", "text 0", 2),
        ("StudyDescription", "text 1", 1),
        ("StudyDescription", "text 2", 1),
    ]
    assert vocabulary.beyond() == {"SeriesDescription": 1, "StudyDescription": 2}
    vocabulary.reject(vocabulary.entries(Decision.PENDING)[2], nothing)
    vocabulary.unseen("StudyDescription", "text 4")
    assert len(pending(vocabulary)) == 3


def test_the_queue_can_be_off(path: Path) -> None:
    off = SiteVocabulary(path, KEY, queue_unseen=False)
    off.unseen("StudyDescription", NAME)
    assert not path.exists()
    SiteVocabulary(path, KEY).unseen("StudyDescription", NAME)
    off.approve(the(off), "Face", nothing)
    assert off.match("StudyDescription", NAME) == "Face"


def test_many_wait_unless_told_otherwise(path: Path) -> None:
    vocabulary = SiteVocabulary(path, KEY)
    vocabulary.unseen("StudyDescription", "a")
    with sqlite3.connect(path) as database:
        database.execute(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)"
            " INSERT INTO entries SELECT i, 'A', 'pending', x'00', NULL, NULL, 1, '', '' FROM n"
        )
    for text in ("b", "c", "d"):
        vocabulary.unseen("StudyDescription", text)
    assert len(vocabulary.entries(Decision.PENDING)) == 10_000
    assert vocabulary.beyond() == {"StudyDescription": 2}


class Clock:
    """Half past eleven at night in New York."""

    @staticmethod
    def now(zone: tzinfo | None) -> datetime:
        here = datetime(2026, 3, 1, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
        return here.astimezone(zone) if zone else here


def test_today_is_the_day_in_greenwich(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dmask_node.deidentify.site_vocabulary.datetime", Clock)
    vocabulary = SiteVocabulary(path, KEY)
    vocabulary.unseen("StudyDescription", NAME)
    assert the(vocabulary).first_seen == the(vocabulary).last_seen == "2026-03-02"


@pytest.mark.parametrize("text", ["", " ", "\ud800", "a\0b", "𝔉𝔞𝔠𝔢", "x" * 1024])
def test_any_text_may_wait(vocabulary: SiteVocabulary, text: str) -> None:
    vocabulary.unseen("StudyDescription", text)
    assert pending(vocabulary) == [("StudyDescription", text, 1)]
    assert vocabulary.match("StudyDescription", text) is None


def test_under_another_key_nothing_opens_but_what_is_approved_still_goes_out(
    path: Path, vocabulary: SiteVocabulary
) -> None:
    vocabulary.unseen("StudyDescription", "Gesicht")
    vocabulary.approve(the(vocabulary), "Face", nothing)
    vocabulary.unseen("StudyDescription", NAME)
    other = SiteVocabulary(path, MasterKey(bytes(range(40, 80))))
    assert pending(other) == [("StudyDescription", None, 1)]
    with pytest.raises(TermRefused, match="key changed"):
        other.approve(the(other), None, nothing)
    assert other.match("StudyDescription", "face") == "Face"
    assert other.match("StudyDescription", "Gesicht") is None
    other.reject(the(other), nothing)
    assert pending(other) == []


def test_a_row_is_known_again_in_every_release(vocabulary: SiteVocabulary) -> None:
    # Change these only with a new layout: a site's decisions are kept under such ids.
    vocabulary.unseen("StudyDescription", "Straße ")
    assert the(vocabulary).id == ID_OF_STRASSE


def test_of_two_spellings_of_one_term_always_the_same_is_sent(vocabulary: SiteVocabulary) -> None:
    for text, term in (("a", "FACE"), ("b", "Face"), ("c", "face")):
        vocabulary.unseen("StudyDescription", text)
        vocabulary.approve(the(vocabulary), term, nothing)
    first = min(vocabulary.entries(Decision.APPROVED), key=lambda entry: entry.id)
    assert vocabulary.match("StudyDescription", "fACE") == first.term


def test_an_entry_is_found_by_how_its_id_begins(vocabulary: SiteVocabulary) -> None:
    for text in ("a", "b"):
        vocabulary.unseen("StudyDescription", text)
    vocabulary.reject(vocabulary.entries(Decision.PENDING)[0], nothing)
    for decision in (Decision.PENDING, Decision.REJECTED):
        entry = the(vocabulary, decision)
        assert vocabulary.find(entry.id[:12]) == entry
    for wrong, number in (("", 2), ("nothing", 0)):
        with pytest.raises(NoSuchEntry, match=f"{number} entries"):
            vocabulary.find(wrong)


def test_a_value_of_an_entry_that_is_gone_is_none(vocabulary: SiteVocabulary) -> None:
    entry = Entry(
        id="0", attribute="A", decision=Decision.PENDING, term="", count=1,
        first_seen="", last_seen="",
    )  # fmt: skip
    assert vocabulary.value(entry) is None
    vocabulary.unseen("StudyDescription", NAME)
    assert vocabulary.value(entry) is None
    assert vocabulary.value(dataclasses.replace(the(vocabulary), attribute="B")) is None


# The file


def test_a_file_of_another_layout_is_left_alone(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 2")
    vocabulary = SiteVocabulary(path, KEY)
    with pytest.raises(VocabularyUnusable, match="layout 2; this node knows 1"):
        vocabulary.match("StudyDescription", NAME)
    with caplog.at_level(logging.WARNING):
        vocabulary.unseen("StudyDescription", NAME)
    [record] = caplog.records
    assert record.message == "descriptor_not_queued"
    assert vars(record)["error"] == "VocabularyUnusable"
    assert NAME not in caplog.text


def test_a_damaged_file_is_told_from_a_busy_one(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database, but long enough to be one" * 100)
    with pytest.raises(VocabularyUnusable, match="SQLITE_NOTADB"):
        SiteVocabulary(path, KEY).match("StudyDescription", NAME)


def test_a_locked_file_lets_a_job_wait_and_holds_up_no_queue(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dmask_node.deidentify.site_vocabulary._BUSY_S", 0.05)
    vocabulary = SiteVocabulary(path, KEY)
    vocabulary.unseen("StudyDescription", NAME)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(VocabularyBusy, match="SQLITE_BUSY"):
        vocabulary.match("StudyDescription", NAME)
    with caplog.at_level(logging.WARNING):
        vocabulary.unseen("StudyDescription", NAME)
    assert [vars(r)["error"] for r in caplog.records] == ["VocabularyBusy"]
    other.execute("ROLLBACK")
    other.close()
    assert pending(vocabulary) == [("StudyDescription", NAME, 1)]


def test_a_folder_that_can_not_be_made_holds_up_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        SiteVocabulary(tmp_path / "file" / "v" / "t.sqlite", KEY).unseen("StudyDescription", NAME)
    assert [vars(r)["error"] for r in caplog.records] == ["NotADirectoryError"]


def test_folders_are_made_as_far_as_they_are_missing(tmp_path: Path) -> None:
    for path in (tmp_path / "a" / "b" / "t.sqlite", tmp_path / "a" / "t.sqlite"):
        made = SiteVocabulary(path, KEY)
        made.unseen("StudyDescription", NAME)
        assert pending(made) == [("StudyDescription", NAME, 1)]


def test_threads_share_it(vocabulary: SiteVocabulary) -> None:
    vocabulary.unseen("StudyDescription", NAME)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: vocabulary.unseen("StudyDescription", NAME), range(8)))
        found = set(pool.map(lambda _: vocabulary.match("StudyDescription", NAME), range(8)))
    assert found == {None}
    assert the(vocabulary).count == 9


def test_it_waits_for_another_process_as_long_as_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    connect = sqlite3.connect

    def noting(*arguments: Any, **options: Any) -> sqlite3.Connection:
        asked.append(options["timeout"])
        return connect(*arguments, **options)

    monkeypatch.setattr(sqlite3, "connect", noting)
    SiteVocabulary(path, KEY).unseen("StudyDescription", NAME)
    assert asked == [10.0]


def test_a_value_cut_short_on_disk_is_none(vocabulary: SiteVocabulary, path: Path) -> None:
    vocabulary.unseen("StudyDescription", NAME)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE entries SET sealed = x'0011'")
    assert pending(vocabulary) == [("StudyDescription", None, 1)]


def test_a_closed_vocabulary_opens_again(vocabulary: SiteVocabulary) -> None:
    vocabulary.unseen("StudyDescription", NAME)
    vocabulary.close()
    vocabulary.close()
    assert pending(vocabulary) == [("StudyDescription", NAME, 1)]


def _note_many(path: Path, start: object, texts: list[str]) -> None:
    start.wait()  # type: ignore[attr-defined]
    vocabulary = SiteVocabulary(path, KEY)
    for text in texts:
        vocabulary.unseen("StudyDescription", text)


def test_processes_that_write_at_once_lose_no_count(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start = context.Barrier(3)
    workers = [
        context.Process(target=_note_many, args=(path, start, ["same", f"own {n}", "same"]))
        for n in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    vocabulary = SiteVocabulary(path, KEY)
    assert sorted((value, count) for _, value, count in pending(vocabulary) if value) == [
        ("own 0", 1), ("own 1", 1), ("own 2", 1), ("same", 6)
    ]  # fmt: skip


def test_what_several_audiences_lack_is_noted_once_for_an_instance(
    vocabulary: SiteVocabulary,
) -> None:
    for _ in range(2):
        instance = OneInstance(vocabulary)
        for _audience in range(3):
            assert instance.match("StudyDescription", NAME) is None
            instance.unseen("StudyDescription", NAME)
            instance.unseen("SeriesDescription", NAME)
    assert {count for _, _, count in pending(vocabulary)} == {2}
    vocabulary.approve(vocabulary.entries(Decision.PENDING)[0], "Face", nothing)
    found = {
        OneInstance(vocabulary).match(a, NAME) for a in ("StudyDescription", "SeriesDescription")
    }
    assert found == {"Face", None}

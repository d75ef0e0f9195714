"""The search can fail: it finds each secret in what was sent, and any that comes out again."""

import base64
import json
import random
import sqlite3
import uuid
import zlib
from collections import Counter
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread, dcmwrite

from tests.adversary.part10 import UTF_8, Part10, fragments
from tests.adversary.search import Search
from tests.adversary.secrets import ACCENTED, HAN, Mint, Secret, Where
from tests.adversary.spellings import spellings
from tests.adversary.variants import MASKED, Make, planted
from tests.outgoing import an_encoded_video

IDS = [make.__name__ for make in MASKED]


@pytest.mark.parametrize("make", MASKED, ids=IDS)
def test_there_is_enough_to_find(make: Make, carphone: Path) -> None:
    made, _, _ = planted(make, carphone)
    assert len(made.secrets) >= 300
    assert len({secret.category for secret in made.secrets}) >= 18
    assert len({(secret.kind, secret.value) for secret in made.secrets}) == len(made.secrets)
    per_category = Counter(secret.category for secret in made.secrets)
    assert {"patient", "names in ideographs", "private, without creator", "nested"} <= set(
        per_category
    )


def test_there_are_variants_enough() -> None:
    assert len(MASKED) >= 6


@pytest.mark.parametrize("make", MASKED, ids=IDS)
def test_every_secret_is_found_in_what_was_sent(make: Make, carphone: Path) -> None:
    made, file, search = planted(make, carphone)
    found = search.found_in(file)
    assert [secret for secret in made.in_object() if secret not in found] == []
    named = search.found_in(made.file_name.encode())
    assert {s.category for s in named} == {"file name"}
    assert all(s in named for s in made.secrets if s.where is Where.FILE_NAME)


def test_a_library_reads_the_objects_as_they_were_meant(carphone: Path) -> None:
    """Else the node would never see what was planted."""
    for make in MASKED:
        made, file, _ = planted(make, carphone)
        dataset = dcmread(BytesIO(file), stop_before_pixels=True)
        assert len(dataset) > 700
        if make.__name__ not in ("wrong_representations", "deflated_capture"):
            [wanted] = [
                s for s in made.secrets
                if s.place == "PatientName" and s.category == "names in ideographs"
            ]  # fmt: skip
            assert wanted.value in str(dataset.PatientName)


def a_mint() -> Mint:
    return Mint("search")


def one_of_each_kind() -> list[Secret]:
    mint = a_mint()
    mint.text("c", "text")
    mint.script(HAN, "c", "han")
    mint.script(ACCENTED, "c", "accented")
    mint.date("c", "date")
    mint.time("c", "time")
    mint.date_time("c", "moment")
    mint.uid("c", "uid")
    mint.uuid_uid("c", "uuid")
    mint.number("c", "number")
    mint.decimal("c", "decimal")
    mint.binary("c", "double", "d")
    mint.binary("c", "integer", "I")
    mint.bytes("c", "bytes", bytes(range(200, 220)))
    return mint.secrets


@pytest.mark.parametrize("secret", one_of_each_kind(), ids=lambda secret: secret.place)
def test_every_spelling_is_found_amid_noise(secret: Secret) -> None:
    search = Search([secret])
    noise = random.Random(7).randbytes(400)
    ways = set(spellings(secret))
    assert len(ways) > 10
    for spelling in ways:
        for written in (spelling.data, spelling.data.upper()):
            assert secret in search.found_in(noise + b" " + written + noise), spelling.form


def test_ways_that_nobody_listed_here_are_found() -> None:
    """Written out by hand, so that a mistake in the list of spellings shows."""
    mint = a_mint()
    name = mint.text("c", "name")
    family = mint.script(HAN, "c", "family")
    accented = mint.script(ACCENTED, "c", "accented")
    day = mint.date("c", "day")
    uid = mint.uuid_uid("c", "uid")
    text, han, latin, date, _ = mint.secrets
    search = Search(mint.secrets)
    year, month, dom = day[:4], day[4:6], day[6:]
    for content, secret in (
        (f"<td>{name.title()}</td>".encode(), text),
        (f"<td>{name.lower()}</td>".encode("utf-16"), text),
        (base64.b64encode(f"xx PatientName: {name}^Wanda".encode()), text),
        (base64.b64encode(f"x PatientName: {name}^Wanda".encode()), text),
        (base64.b64encode(f" PatientName: {name}^Wanda".encode()), text),
        (base64.urlsafe_b64encode(b"\xff\xfe" + name.encode() + b"\xff"), text),
        (name.encode().hex().upper().encode(), text),
        (name[::-1].encode(), text),
        (b"stream" + zlib.compress(f"BT ({name}) Tj".encode() * 9), text),
        (base64.b64encode(zlib.compress(name.encode() * 5)), text),
        (json.dumps({"n": f"{family}^"}).encode(), han),
        (repr(family.encode("shift_jis")).encode(), han),
        (family.encode().decode("latin-1").encode(), han),
        (family.encode("iso2022_jp"), han),
        (f"{family}様".encode("gb18030"), han),
        (accented.upper().encode("latin-1"), latin),
        (f'{{"day": "{dom}.{month}.{year}"}}'.encode(), date),
        (f"born {month}/{dom}/{year}".encode(), date),
        (f"{year}-{month}-{dom}T10:15".encode(), date),
        (f"DA\x08\0{day}2\0".encode(), date),
    ):
        assert secret in search.found_in(content), content
    number = uuid.UUID(int=int(uid.removeprefix("2.25.")))
    assert search.found_in(f"urn:uuid:{number}".encode())
    assert search.found_in(number.bytes)


def test_noise_holds_no_secret(carphone: Path) -> None:
    for make in MASKED:
        _, _, search = planted(make, carphone)
        assert search.found_in(random.Random(make.__name__).randbytes(300_000)) == {}


def test_one_that_got_out_would_be_seen(tmp_path: Path) -> None:
    """Planted by hand in what the node writes: an object, a movie, a page, a table, a name."""
    mint = a_mint()
    secret = mint.text("c", "place")
    search = Search(mint.secrets)
    movie = an_encoded_video(tmp_path / "masked.mp4").path
    assert search.found_in(movie.read_bytes()) == {}

    outgoing = Part10("1.2.840.10008.5.1.4.1.1.77.1.4.1", "2.25.1", UTF_8)
    outgoing.transfer_syntax_uid = "1.2.840.10008.1.2.4.102"
    outgoing.pixel_data = fragments(movie.read_bytes(), 1)
    clean = outgoing.file()
    assert search.found_in(clean) == {}
    dataset = dcmread(BytesIO(clean))
    for keyword in ("PatientName", "DeidentificationMethod", "SeriesDescription"):
        setattr(dataset, keyword, f"x {secret}")
        with (tmp_path / f"{keyword}.dcm").open("wb") as file:
            dcmwrite(file, dataset)
        delattr(dataset, keyword)
    box = (8 + len(secret)).to_bytes(4, "big") + b"free" + secret.encode()
    (tmp_path / "leaking.mp4").write_bytes(movie.read_bytes() + box)
    (tmp_path / f"{secret}.json").write_text("{}")
    (tmp_path / "log").write_text(json.dumps({"why": f"could not convert {secret!r}"}))
    with sqlite3.connect(tmp_path / "ledger.sqlite") as ledger:
        ledger.execute("create table t (a text)")
        ledger.execute("insert into t values (?)", (secret.lower(),))
    ledger.close()
    assert set(search.found_in_files(tmp_path)) == {
        "PatientName.dcm", "DeidentificationMethod.dcm", "SeriesDescription.dcm", "leaking.mp4",
        f"{secret}.json", "log", "ledger.sqlite",
    }  # fmt: skip

"""Planted secrets: what each one is, and where it was put. No two are alike."""

import itertools
import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

CONSONANTS: Final = "BCDFGHJKLMNPQRSTVWXZ"
"""Ten of them in a row stand in no word of any language, base64 or hexadecimal digest."""
HAN: Final = "山田太花子金東李王林木本中村高石川小大上下原井松竹水火土日月天白南北西三春秋安文"
"""In JIS X 0208, in GB 2312 and in KS X 1001."""
KANA: Final = (
    "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわ"
)
HANGUL: Final = (
    "가나다라마바사아자차하거너더러머버서어저허고노도로모보소"
    "오조호구누두루무부수우주후김이박최정강조윤장임한"
)
CYRILLIC: Final = "бвгджзклмнпрстфхцчшщ"
GREEK: Final = "βγδζθκλμνξπρστφχψω"
HEBREW: Final = "אבגדהזחטיכלמנסעפצקרש"
ARABIC: Final = "بتثجحخدذرزسشصضطظعغفق"
THAI: Final = "กขคงจชซดตถทธนบปผพมยรลวสห"
ACCENTED: Final = "äåæçèéëíñóöøùûüýþß"
"""In ISO 8859-1."""


class Kind(StrEnum):
    """What a secret is, and so in how many ways it can be written."""

    TEXT = "text"
    DATE = "date"
    TIME = "time"
    DATE_TIME = "date-time"
    UID = "UID"
    NUMBER = "number"
    BYTES = "bytes"


class Where(StrEnum):
    """What carries a secret."""

    OBJECT = "object"
    """The bytes of the DICOM object or of the file."""
    FILE_NAME = "file name"
    ASSOCIATION = "association"
    """The command set and the negotiation."""


@dataclass(frozen=True, slots=True)
class Secret:
    """One planted value, as unique as it was made."""

    category: str
    place: str
    kind: Kind
    value: str
    """What the search looks for; hexadecimal where the secret is bytes."""
    whole: str = ""
    """The attribute's value as a whole: its unkeyed digests are looked for too."""
    where: Where = Where.OBJECT
    code: str = ""
    """Format of `struct` where a number was written in binary."""


@dataclass(slots=True)
class Mint:
    """Makes secrets, and remembers them.

    The same seed gives the same secrets, so a failure can be looked at twice.
    """

    seed: str
    where: Where = Where.OBJECT
    secrets: list[Secret] = field(default_factory=list)
    _random: random.Random = field(init=False)
    _used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def text(self, category: str, place: str, template: str = "{}") -> str:
        """Hide ten letters in a template; return the whole."""
        return self._hide(category, place, Kind.TEXT, self._fresh(CONSONANTS, 10), template)

    def script(self, letters: str, category: str, place: str, template: str = "{}") -> str:
        """Hide letters of a script in a template."""
        length = 4 if letters == HAN or letters in (KANA, HANGUL) else 9
        if letters == ACCENTED:  # half of them: so that what strips accents is seen as well
            fresh = "".join(
                itertools.chain(
                    *zip(self._fresh(ACCENTED, 5), self._fresh(CONSONANTS, 5), strict=True)
                )
            )
            self._used.add(fresh)
            return self._hide(category, place, Kind.TEXT, fresh, template)
        return self._hide(category, place, Kind.TEXT, self._fresh(letters, length), template)

    def date(self, category: str, place: str) -> str:
        """Return a day, YYYYMMDD, that is nobody else's and not in living memory of a log."""
        return self._hide(category, place, Kind.DATE, self._fresh_day(), "{}")

    def time(self, category: str, place: str) -> str:
        """Return a time of day to the microsecond."""
        return self._hide(category, place, Kind.TIME, self._fresh_time(), "{}")

    def date_time(self, category: str, place: str) -> str:
        """Return a moment, with its offset from UTC."""
        value = self._fresh_day() + self._fresh_time()
        return self._hide(category, place, Kind.DATE_TIME, value, "{}+0130")

    def uid(self, category: str, place: str, template: str = "1.2.826.0.1.3680043.9.{}") -> str:
        """Return a UID built on a moment and a record number."""
        moment = self._fresh_day() + self._fresh_time().replace(".", "")
        return self._hide(category, place, Kind.UID, moment, template)

    def uuid_uid(self, category: str, place: str) -> str:
        """Return a UID made of a random UUID; no date in it, but it can be looked up."""
        number = self._random.getrandbits(128) & ~(0xF << 76) | (4 << 76)
        return self._hide(category, place, Kind.UID, str(number), "2.25.{}")

    def number(self, category: str, place: str, template: str = "{}", digits: int = 9) -> str:
        """Return a record number."""
        first = self._random.choice("123")  # fits 32 bits with a sign
        return self._hide(
            category, place, Kind.NUMBER, first + self._fresh("0123456789", digits - 1), template
        )

    def decimal(self, category: str, place: str) -> str:
        """Return a record number with a point in it."""
        digits = self._fresh("123456789", 9)
        return self._hide(category, place, Kind.NUMBER, f"{digits[:4]}.{digits[4:]}", "{}")

    def binary(self, category: str, place: str, code: str) -> int | float:
        """Return a number that is written in binary, in a format of `struct`."""
        if code in "fd":
            value = float(f"{self._fresh('123456789', 3)}.{self._fresh('123456789', 6)}")
            self._add(category, place, Kind.NUMBER, f"{value}", "", code)
            return value
        # Bytes that are no ASCII: no text holds them by chance.
        number = int.from_bytes(bytes(self._random.randrange(0x80, 0x100) for _ in range(4)), "big")
        self._add(category, place, Kind.NUMBER, str(number), "", code)
        return number

    def bytes(self, category: str, place: str, content: bytes) -> bytes:
        """Enter bytes that were made elsewhere."""
        self._add(category, place, Kind.BYTES, content.hex(), "", "")
        return content

    def forget(self, place: str) -> None:
        """Strike out what was planted in a place: something else was written there."""
        self.secrets = [secret for secret in self.secrets if secret.place != place]

    def _hide(self, category: str, place: str, kind: Kind, value: str, template: str) -> str:
        whole = template.format(value)
        self._add(category, place, kind, value, whole, "")
        return whole

    def _add(
        self, category: str, place: str, kind: Kind, value: str, whole: str, code: str
    ) -> None:
        self.secrets.append(Secret(category, place, kind, value, whole, self.where, code))

    def _fresh(self, letters: str, length: int) -> str:
        while True:
            value = "".join(self._random.choice(letters) for _ in range(length))
            if value not in self._used and len(set(value)) > 1:
                self._used.add(value)
                return value

    def _fresh_day(self) -> str:
        while True:
            day = date(1921, 1, 1) + timedelta(days=self._random.randrange(60 * 365))
            value = f"{day:%Y%m%d}"
            if value not in self._used and day.day > 12:  # tells day from month
                self._used.add(value)
                return value

    def _fresh_time(self) -> str:
        pick = self._random.randrange
        while True:
            value = f"{pick(24):02}{pick(60):02}{pick(60):02}.{pick(100_000, 1_000_000):06}"
            if value not in self._used:
                self._used.add(value)
                return value

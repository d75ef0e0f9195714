"""The tool of the planting modules: a mint, a character set, and the object to plant in."""

from dataclasses import dataclass, field
from itertools import count
from typing import Final

from tests.adversary.part10 import CharacterSet, Item, put
from tests.adversary.secrets import Mint

NAMES: Final = ("names in Latin letters", "names in ideographs", "names as they sound")
"""Categories of the three component groups of a name (PS3.5 6.2.1)."""


@dataclass(slots=True)
class Planter:
    """Plants secrets in items, each value in the bytes of the object's character set."""

    mint: Mint
    character_set: CharacterSet
    item: Item = field(default_factory=dict)
    """The data set at the top level."""
    _turn: "count[int]" = field(default_factory=count)

    def plant(
        self,
        keyword: str | int,
        category: str,
        template: str = "{}",
        *,
        item: Item | None = None,
        vr: str | None = None,
        place: str = "",
    ) -> None:
        """Plant one text secret in an attribute that takes text."""
        value = self.mint.text(category, place or name(keyword), template)
        put(self.item if item is None else item, keyword, self.encode(value), vr)

    def plant_script(self, keyword: str | int, category: str, template: str = "{}") -> None:
        """Plant a text in another script than Latin."""
        value = self.mint.script(self.letters(), category, name(keyword), template)
        put(self.item, keyword, self.encode(value))

    def person(
        self,
        keyword: str | int,
        *,
        item: Item | None = None,
        categories: tuple[str, ...] = NAMES,
        place: str = "",
    ) -> None:
        """Plant a name of three component groups, family and given name apart."""
        place = place or name(keyword)
        latin = self.mint.text(categories[0], place, "{}^Wanda^M^Dr^jr")
        other = [
            self.mint.script(self.letters(), category, place, "{}^") for category in categories[1:]
        ]
        put(
            self.item if item is None else item,
            keyword,
            self.encode("=".join([latin, *other])),
            "PN",
        )

    def letters(self) -> str:
        """Return the next script of the character set."""
        scripts = self.character_set.scripts
        return scripts[next(self._turn) % len(scripts)]

    def encode(self, text: str) -> bytes:
        """Write a text as the character set has it."""
        return self.character_set.encode(text)


def name(keyword: str | int) -> str:
    """Name a place: the keyword, or the tag."""
    return keyword if isinstance(keyword, str) else f"({keyword >> 16:04X},{keyword & 0xFFFF:04X})"

"""Regular expressions of a site, read in a small syntax and matched without backtracking.

A pattern that somebody wrote in a settings file must never hold a worker, whatever text a sender
makes up. So the syntax is small, and a match follows all ways at once: the cost is bounded by the
lengths of pattern and text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from dmask_node.deidentify.text import fold

MAX_PATTERN: Final = 100
"""Characters of a pattern."""
MAX_TEXT: Final = 64
"""Characters of a text, as in value representation LO (PS3.5 6.2); a longer one never matches."""
_MEMBER: Final = r"[\w ,.;:/+()#'*?!]"
_ATOM: Final = (
    rf"(?:\[\^?-?(?:{_MEMBER}(?:-{_MEMBER})?)+\]"  # a class
    r"|\\[dws]"  # a digit; a letter, digit or _; white space
    r"|\\[^\w\s]"  # a mark that means something in patterns, as itself
    r"|[^\\\[\](){}|?*+^$])"  # any other character, as itself; . for any
)
_ATOMS: Final = re.compile(_ATOM)
_GROUP: Final = rf"\({_ATOM}+(?:\|{_ATOM}+)*\)"
_ELEMENT: Final = re.compile(
    rf"(?P<what>{_GROUP}|{_ATOM})"
    r"(?P<times>[?*+]|\{(?P<least>[0-9]{1,2})(?P<range>,(?P<most>[0-9]{1,2})?)?\})?"
)
_OPPOSITE: Final = re.compile(r"\\[DWS]")
_ALTERNATIVE: Final = re.compile(rf"{_ATOM}+")
_TIMES: Final = {"": (1, 1), "?": (0, 1), "*": (0, MAX_TEXT), "+": (1, MAX_TEXT)}


class PatternUnreadable(ValueError):
    """A pattern is not in the syntax that is read here."""


@dataclass(frozen=True, slots=True)
class _Element:
    """A part of a pattern: one of some sequences of characters, and how often in a row."""

    alternatives: tuple[tuple[re.Pattern[str], ...], ...]
    """Each a sequence of expressions for one character."""
    least: int
    most: int

    def ends(self, text: str, starts: frozenset[int]) -> frozenset[int]:
        """Return where it may end if it starts at one of these places."""
        found = starts if self.least == 0 else frozenset()
        now = starts
        for times in range(1, self.most + 1):
            now = frozenset(end for start in now for end in self._once(text, start))
            if times >= self.least:
                now -= found  # what was reached by fewer repeats was followed from there on
                found |= now
            if not now:
                break
        return found

    def _once(self, text: str, start: int) -> Iterator[int]:
        for atoms in self.alternatives:
            piece = text[start : start + len(atoms)]
            if len(piece) == len(atoms) and all(
                atom.fullmatch(character) for atom, character in zip(atoms, piece, strict=True)
            ):
                yield start + len(atoms)


@lru_cache(maxsize=1024)
def read_pattern(pattern: str) -> tuple[_Element, ...]:
    r"""Read a pattern.

    Parameters
    ----------
    pattern : str
        At most `MAX_PATTERN` characters; letter case and Unicode form do not count. ``.`` stands
        for any character, ``\d`` for a digit, ``\w`` for a letter, digit or ``_``, ``\s`` for white
        space, ``[a-z]`` and ``[^a-z]`` for classes, ``\`` takes the meaning from a mark;
        ``(one|two)`` for one of several, without brackets inside; ``?``, ``*``, ``+``, ``{2}``,
        ``{2,}`` and ``{2,4}`` say how often. Nothing else has a meaning.

    Returns
    -------
    tuple
        For `matches`.

    Raises
    ------
    PatternUnreadable
        If it is empty, too long, or not in this syntax. The message names the place.
    """
    folded = fold(pattern)
    if _OPPOSITE.search(pattern):  # would mean its very opposite once letter case is gone
        raise PatternUnreadable("the pattern has \\D, \\W or \\S; use [^...]")
    if not folded or len(folded) > MAX_PATTERN:
        raise PatternUnreadable(f"a pattern needs 1 to {MAX_PATTERN} characters")
    elements = []
    place = 0
    while place < len(folded):
        found = _ELEMENT.match(folded, place)
        if found is None:
            raise PatternUnreadable(f"the pattern can't be read from its character {place + 1} on")
        try:
            elements.append(_element(found))
        except (re.error, PatternUnreadable):
            raise PatternUnreadable(
                f"the pattern has a range in wrong order at its character {place + 1}"
            ) from None
        place = found.end()
    return tuple(elements)


def matches(pattern: str, text: str) -> bool:
    """Return whether a pattern fits a text as a whole.

    Parameters
    ----------
    pattern : str
        As `read_pattern` takes it.
    text : str
        Any; letter case, Unicode form and outer white space do not count.

    Raises
    ------
    PatternUnreadable
        If the pattern can't be read.
    """
    folded = fold(text)
    if len(folded) > MAX_TEXT:
        return False
    places = frozenset({0})
    for element in read_pattern(pattern):
        places = element.ends(folded, places)
    return len(folded) in places


def _element(found: re.Match[str]) -> _Element:
    what = found["what"]
    inside = what[1:-1] if what.startswith("(") else what
    alternatives = tuple(
        tuple(re.compile(atom) for atom in _ATOMS.findall(alternative))
        for alternative in _ALTERNATIVE.findall(inside)
    )
    least, most = _times(found)
    return _Element(alternatives, least, most)


def _times(found: re.Match[str]) -> tuple[int, int]:
    if found["least"] is None:
        return _TIMES[found["times"] or ""]
    least = int(found["least"])
    if found["range"] is None:
        return least, least
    most = MAX_TEXT if found["most"] is None else int(found["most"])
    if least > most:
        raise PatternUnreadable("least > most")
    return least, most

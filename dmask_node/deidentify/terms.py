"""Terms of a site: which text of a source is sent, and how the site writes it."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, field_validator

from dmask_node.deidentify.patterns import matches, read_pattern
from dmask_node.deidentify.text import fold, require_long_string


class Spellings(BaseModel):
    """Many spellings of one term."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    regex: str
    """Fits the source's text as a whole; see `dmask_node.deidentify.patterns.read_pattern`."""
    send: str
    """What is sent instead, 1 to 64 characters."""

    @field_validator("regex")
    @classmethod
    def _is_read(cls, value: str) -> str:
        read_pattern(value)
        return value

    @field_validator("send")
    @classmethod
    def _fits(cls, value: str) -> str:
        return require_long_string(value)


Term = str | Spellings
"""A word of the site that stands for itself, or for what a pattern fits."""


def require_terms(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Check the terms of one list.

    Parameters
    ----------
    terms : iterable of Term
        As the site wrote them.

    Returns
    -------
    tuple of Term
        Without outer white space.

    Raises
    ------
    ValueError
        If a word can't stand in an object, or two differ in nothing that counts.
    """
    checked = tuple(require_long_string(term) if isinstance(term, str) else term for term in terms)
    words = [fold(term) for term in checked if isinstance(term, str)]
    if len(set(words)) != len(words):
        raise ValueError("two entries differ only in letter case, spaces or Unicode form")
    return checked


def sent(terms: tuple[Term, ...]) -> tuple[str, ...]:
    """Return all that terms can send, each once, in their order."""
    return tuple(dict.fromkeys(t if isinstance(t, str) else t.send for t in terms))


def match(terms: tuple[Term, ...], text: str) -> str | None:
    """Return what to send for a text of the source.

    Parameters
    ----------
    terms : tuple of Term
        Checked by `require_terms`.
    text : str
        Of the source, whole; letter case, Unicode form and outer white space do not count.

    Returns
    -------
    str or None
        As the site wrote it: of a word that equals the text, else of the first pattern that fits
        it. None if there is neither.
    """
    word = _words(terms).get(fold(text))
    if word is not None:
        return word
    return next((t.send for t in terms if not isinstance(t, str) and matches(t.regex, text)), None)


@lru_cache(maxsize=256)
def _words(terms: tuple[Term, ...]) -> Mapping[str, str]:
    return MappingProxyType({fold(term): term for term in terms if isinstance(term, str)})

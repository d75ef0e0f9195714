"""What two spellings of one text have in common, and what a text must be to be sent."""

import unicodedata


def fold(text: str) -> str:
    """Return the text without differences of case, Unicode form and outer white space."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def require_long_string(value: str) -> str:
    """Check value representation LO (PS3.5 6.2); spaces around it do not count there.

    Parameters
    ----------
    value : str
        As somebody wrote it into a file.

    Returns
    -------
    str
        Without outer white space.

    Raises
    ------
    ValueError
        If it is empty, longer than 64 characters, or holds a backslash or a control character.
    """
    value = value.strip()
    if not value or len(value) > 64:
        raise ValueError("needs 1 to 64 characters")
    if "\\" in value or any(unicodedata.category(character) == "Cc" for character in value):
        raise ValueError("may hold no backslash and no control character")
    return value

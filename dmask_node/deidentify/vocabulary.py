"""What the header step asks of the terms an administrator has approved, and tells of others."""

from typing import Protocol


class Vocabulary(Protocol):
    """Terms that an administrator has approved on top of a profile's own lists."""

    def match(self, attribute: str, text: str) -> str | None:
        """Return the term to send for a descriptor of a source.

        Parameters
        ----------
        attribute : str
            Keyword, such as ``StudyDescription``.
        text : str
            The descriptor as it came, whole; may identify, and may be up to 1024 characters long.

        Returns
        -------
        str or None
            As the administrator wrote it, 1 to 64 characters; None where the text, as a whole, is
            not approved.
        """

    def unseen(self, attribute: str, text: str) -> None:
        """Take note of a descriptor that neither the profile nor an administrator knows.

        Called once for each audience that would have sent it. Must not raise on any text.

        Parameters
        ----------
        attribute : str
            Keyword, such as ``StudyDescription``.
        text : str
            The descriptor as it came, whole; may identify.
        """


class NoVocabulary:
    """No approved term; what is unseen is forgotten."""

    def match(self, attribute: str, text: str) -> str | None:  # noqa: ARG002 - `Vocabulary`
        """Return None: nothing is approved."""
        return None

    def unseen(self, attribute: str, text: str) -> None:
        """Forget the descriptor."""

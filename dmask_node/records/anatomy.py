"""Sides of the body, always the patient's own."""

from enum import IntEnum


class Eye(IntEnum):
    """An eye of the patient; the index of every ``eyes`` axis in the records.

    The patient's right eye is on the left of the picture.
    """

    RIGHT = 0
    LEFT = 1

    @property
    def letter(self) -> str:
        """``R`` or ``L``, as DICOM Laterality writes it (PS3.3 C.7.3.1)."""
        return "RL"[self]

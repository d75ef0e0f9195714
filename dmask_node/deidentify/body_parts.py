"""Body parts that a recording of a face may name."""

from typing import Final

BODY_PARTS: Final = frozenset(
    {
        "CHEEK", "EAR", "EYE", "EYELID", "FACE", "HEAD", "HEADNECK", "JAW",
        "MAXILLA", "MOUTH", "NECK", "NOSE", "ORBIT", "SKULL", "ZYGOMA",
    }
)  # fmt: skip
"""Defined terms of Body Part Examined for a face, its parts, and what it is seen with
(PS3.16 L)."""
PAIRED: Final = frozenset({"CHEEK", "EAR", "EYE", "EYELID", "ORBIT", "ZYGOMA"})
"""Those of them that there are two of: they need a laterality (PS3.3 C.7.3.1)."""

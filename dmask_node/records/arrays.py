"""Arrays in immutable records."""

import numpy as np


def freeze(record: object, *names: str) -> None:
    """Replace the named arrays of a frozen record by read-only views.

    The caller's own arrays stay writable: no copy is made, so a record is cheap to build and a
    caller who goes on writing to its array changes the record. Rooms hand over what they made and
    let go of it.
    """
    for name in names:
        array = getattr(record, name)
        assert isinstance(array, np.ndarray)
        view = array.view()
        view.flags.writeable = False
        object.__setattr__(record, name, view)


def require_shape(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless the array has this shape; -1 stands for any length."""
    fits = array.ndim == len(shape) and all(
        want in (-1, have) for want, have in zip(shape, array.shape, strict=False)
    )
    if not fits:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}")

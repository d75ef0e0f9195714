"""Files that objects are received into, as they come over the network.

The network library writes each C-STORE data set to a temporary file. These files take its place:
in the spool's own file system, so that they can be renamed into it; readable by the node alone;
and they never raise while the object is coming in. A full disk would otherwise end the thread that
reads the association, and the sender would wait for an answer that does not come. What went wrong
is kept, the rest of the object is read and dropped, and the sender is told.
"""

import contextlib
import os
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from pynetdicom import dimse_messages

from dmask_node.errors import DmaskError
from dmask_node.receive.admission import OutOfResources

_CHECK_BYTES: Final = 16 << 20
"""Between two looks at the free disk space."""
_SOP_CLASS: Final = b"\x02\x00\x02\x00UI"
"""Media Storage SOP Class UID in file meta information."""
_HEAD_BYTES: Final = 512
"""Of a file: preamble, prefix, and the SOP Class UID that the network library writes there from
the request, before the first byte of the data set."""

RequireRoom = Callable[[int], None]
"""``require_room(size_bytes)``: raises when an object of that size may not come in."""

RequireClass = Callable[[str], None]
"""``require_class(sop_class_uid)``: raises when objects of that class are not even read."""


class IncomingFile:
    """A file that an object is received into.

    Parameters
    ----------
    folder : Path
        Of the spool's file system.
    require_room : callable
        See `RequireRoom`.
    require_class : callable
        See `RequireClass`.
    """

    def __init__(
        self, folder: Path, require_room: RequireRoom, require_class: RequireClass
    ) -> None:
        self._require_room = require_room
        self._require_class: RequireClass | None = require_class
        self._head = b""
        self._size = 0
        self._checked = 0
        self._descriptor: int | None = None
        self.refused: DmaskError | None = None
        self.name = str(folder / "none")
        try:
            self._descriptor, self.name = tempfile.mkstemp(suffix=".part", dir=folder)
        except OSError as error:
            self._fail(error)

    @property
    def file(self) -> Self:
        """The file that is flushed; there is no buffer to flush."""
        return self

    def write(self, content: bytes) -> int:
        """Write a part of the object, or drop it if an earlier part was refused."""
        if self._descriptor is not None and self.refused is None:
            try:
                self._write(content)
            except OSError as error:
                self._fail(error)
            except DmaskError as error:
                self.refused = error
                self._drop()
        return len(content)

    def _write(self, content: bytes) -> None:
        assert self._descriptor is not None
        if self._require_class is not None:
            self._look_at_class(content, self._require_class)
        self._size += len(content)
        if self._size >= self._checked + _CHECK_BYTES:
            self._checked = self._size
            self._require_room(self._size)
        view = memoryview(content)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def _look_at_class(self, content: bytes, require_class: RequireClass) -> None:
        """Let the class be judged as soon as it has come."""
        self._head += content[: _HEAD_BYTES - len(self._head)]
        at = self._head.find(_SOP_CLASS)
        if at >= 0 and len(self._head) >= at + 8:
            (length,) = struct.unpack_from("<H", self._head, at + 6)
            uid = self._head[at + 8 : at + 8 + length]
            if len(uid) < length and len(self._head) < _HEAD_BYTES:
                return
            self._require_class = None
            require_class(uid.decode("ascii", "replace").rstrip("\0 "))
        elif len(self._head) >= _HEAD_BYTES:
            self._require_class = None

    def _fail(self, error: OSError) -> None:
        self.refused = OutOfResources(f"the file can't be written: errno {error.errno}")
        self._drop()

    def _drop(self) -> None:
        """Give the disk space back at once."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)

    def flush(self) -> None:
        """Do nothing: each write goes to the system at once."""

    def close(self) -> None:
        """Close the file; what it holds stays."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def receive_into(folder: Path, require_room: RequireRoom, require_class: RequireClass) -> None:
    """Let every object that comes in from now on be received into files of this folder.

    Holds for the whole process, as the network library has one place for it.
    """

    def open_file(**_: object) -> IncomingFile:
        return IncomingFile(folder, require_room, require_class)

    if not hasattr(dimse_messages, "NamedTemporaryFile"):
        raise RuntimeError("this pynetdicom opens its temporary files in another way")
    dimse_messages.NamedTemporaryFile = open_file

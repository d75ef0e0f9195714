"""Files that survive a power cut: written aside, synced, renamed, and the folder synced.

Files are readable by the node's user alone (0600), folders too (0700).
"""

import contextlib
import hashlib
import os
import shutil
from pathlib import Path
from typing import Final

_BLOCK_BYTES: Final = 1 << 20


def make_folder(folder: Path) -> Path:
    """Make a folder and its parents for the node's user alone; return it."""
    for missing in reversed([f for f in (folder, *folder.parents) if not f.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)  # parents=True would leave them open to others
    return folder


def sync_file(path: Path) -> None:
    """Return when the file's content has reached the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


sync_folder = sync_file
"""Return when the folder's entries have reached the disk."""


def move_durably(source: Path, target: Path) -> None:
    """Rename a file within one file system so that the new name survives a power cut.

    The content reaches the disk before the name does; a file under the new name is always whole.
    """
    source.chmod(0o600)
    sync_file(source)
    source.replace(target)
    sync_folder(target.parent)


def link_durably(source: Path, target: Path) -> None:
    """Give a file a second name that survives a power cut; one that is there already stays."""
    with contextlib.suppress(FileExistsError):
        os.link(source, target)
    sync_folder(target.parent)


def write_durably(path: Path, content: bytes) -> None:
    """Write a small file: there is the old one or the new one at any time, never a part."""
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    move_durably(part, path)


def sha256_of(path: Path) -> str:
    """Return the hex SHA-256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def free_bytes(folder: Path) -> int:
    """Return the disk space that the node's user may still fill, bytes."""
    return shutil.disk_usage(folder).free


def empty_folder(folder: Path) -> int:
    """Delete what is in a folder and return how many entries that were."""
    entries = list(folder.iterdir())
    for entry in entries:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    return len(entries)

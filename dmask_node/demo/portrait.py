"""The picture of the README: a public-domain portrait and its mask.

``python -m dmask_node.demo.portrait docs/pictures/astronaut.png``
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import skimage.data

from dmask_node.config import create_keys, load_settings
from dmask_node.decode.frames import open_source
from dmask_node.demo.contact_sheet import contact_sheet
from dmask_node.parts import build_parts
from dmask_node.pipeline import mask_instance

_FACE = slice(0, 330), slice(60, 390)
"""Rows and columns of the portrait that show head and shoulders."""


def draw_portrait(out: Path) -> None:
    """Mask the portrait that scikit-image ships and draw both side by side.

    Parameters
    ----------
    out : Path
        PNG file.
    """
    portrait = np.ascontiguousarray(skimage.data.astronaut()[_FACE])
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        settings = load_settings()
        settings = settings.model_copy(
            update={"node": settings.node.model_copy(update={"state_dir": folder / "state"})}
        )
        create_keys(settings)
        photograph = folder / "photograph.png"
        cv2.imwrite(str(photograph), cv2.cvtColor(portrait, cv2.COLOR_RGB2BGR))
        study = mask_instance("portrait", photograph, folder, build_parts(settings), [])
        (frame,) = open_source(study.encoded.path).frames
    sheet = contact_sheet([portrait], [frame.rgb], [""])
    cv2.imwrite(str(out), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    draw_portrait(Path(sys.argv[1]))

"""What can go wrong while eyes are read."""

from dmask_node.errors import Permanent


class ReadingRefused(Permanent):
    """A reading breaks the scheme, so that it can't be what the reader saw."""

    reason = "reading_refused"
    hint = "Look at the crop again and correct the points that the message names."


class CropUnknown(Permanent):
    """No crop of this id is in the work folder."""

    reason = "crop_unknown"
    hint = "Name the work folder in which the crops command wrote this crop."

"""Why a face can't be fitted."""

from dmask_node.errors import Permanent


class NoFaceToFit(Permanent):
    """No frame has landmarks that a face could have."""

    reason = "no_face"
    hint = "The video shows no face that could be followed; look at the source in quarantine."


class FitFailed(Permanent):
    """The face model could not be brought onto the landmarks."""

    reason = "fit_failed"
    hint = "The landmarks are not those of a face seen by a camera; look at the source."

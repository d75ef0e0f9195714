"""What can go wrong while something is rebuilt."""

from dmask_node.errors import Permanent, Transient


class WheelUnavailable(Transient):
    """A package that something is rebuilt from could not be fetched."""

    reason = "wheel_unavailable"
    hint = "Check pip's index and the network, or put the wheel into the cache folder yourself."


class WheelChanged(Permanent):
    """A fetched wheel is not the one that was built from."""

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


class UnexpectedTable(Permanent):
    """The PS3.15 tables of a package have something that is not known."""

    reason = "unexpected_table"
    hint = "Build from the pinned package version; read what the new edition means by it first."

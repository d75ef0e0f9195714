"""dmask_node: a DICOM node that replaces a patient's face by a digital mask.

Start reading at `dmask_node.pipeline`: the whole way of one video, on one page.
"""

from dmask_node.version import VERSION as __version__  # noqa: N811 - a module has it by that name

__all__ = ["__version__"]

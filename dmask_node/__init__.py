"""dmask_node: a DICOM node that replaces a patient's face by a digital mask.

Start reading at `dmask_node.pipeline`: the whole way of one video, on one page.
"""

import os

from dmask_node.version import VERSION as __version__  # noqa: N811 - a module has it by that name

# Without this ONNX Runtime reports its use to Microsoft over the network, under an identifier that
# it keeps on disk. It must be told before it is loaded: here, before any other module of ours.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__all__ = ["__version__"]

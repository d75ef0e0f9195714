"""Write the trained network as ONNX. Needs torch and onnx."""

from pathlib import Path

import torch

from dmask_node.training.crop import CROP
from dmask_node.training.network import Exported, EyeNetwork
from dmask_node.training.reader import INPUT, OUTPUTS


def export(network: EyeNetwork, file: Path) -> None:
    """Write the network as ONNX, operator set 17, any number of crops at once.

    Parameters
    ----------
    network : EyeNetwork
        Trained.
    file : Path
        Where to.
    """
    model = Exported(network).eval()
    torch.onnx.export(
        model,
        (torch.rand(1, CROP.rows, CROP.columns, 3),),
        str(file),
        input_names=[INPUT],
        output_names=list(OUTPUTS),
        dynamic_axes={name: {0: "n"} for name in (INPUT, *OUTPUTS)},
        opset_version=17,
        dynamo=False,
    )

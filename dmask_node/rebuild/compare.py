"""How far a rebuilt network is from the shipped one, in output."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

TRIALS: Final = 4
"""Random images of each kind that a comparison uses."""


def run_network(model: bytes, batch: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
    """Run an ONNX network on the CPU, on one thread, and return each output by its name."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {session.get_inputs()[0].name: batch}), strict=True))


def input_shape(model: bytes) -> tuple[int, int, int]:
    """Return the shape of one input image: rows, columns, channels."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    rows, columns, channels = session.get_inputs()[0].shape[1:]
    return int(rows), int(columns), int(channels)


def random_images(shape: tuple[int, int, int], seed: int) -> NDArray[np.float32]:
    """Return noise and smooth blobs, float32 (2 TRIALS, rows, columns, 3) in 0 ... 1."""
    rng = np.random.default_rng(seed)
    noise = rng.random((TRIALS, *shape))
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]] / shape[0]
    blobs = []
    for _ in range(TRIALS):
        centre, width, colour = rng.random(2), rng.uniform(0.05, 0.4), rng.random(shape[2])
        distance = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2
        blobs.append(np.exp(-distance / width**2)[..., None] * colour)
    return np.concatenate([noise, np.stack(blobs)]).astype(np.float32)


def output_difference(rebuilt: bytes, shipped: bytes, batch: NDArray[np.float32]) -> float:
    """Return the largest difference between the outputs of two networks.

    Parameters
    ----------
    rebuilt, shipped : bytes
        ONNX files.
    batch : (n, rows, columns, 3) ndarray of float32
        Input images.

    Returns
    -------
    float
        Largest absolute difference over all outputs, in their own units (pixels of the crop,
        logits); infinite if names or shapes differ or a value is not finite.
    """
    here, there = run_network(rebuilt, batch), run_network(shipped, batch)
    if {name: values.shape for name, values in here.items()} != {
        name: values.shape for name, values in there.items()
    }:
        return float("inf")
    differences = [float(np.abs(here[name] - there[name]).max()) for name in here]
    return max(differences) if np.isfinite(differences).all() else float("inf")

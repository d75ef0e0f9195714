"""Load the networks and the face model that ship with the package, each checked by its digest."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from io import BytesIO
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from dmask_node.errors import Permanent
from dmask_node.geometry.morphable_model import MorphableModel
from dmask_node.models.settings import InferenceSettings

_ROOT: Final = resources.files("dmask_node.models")


class ModelDamaged(Permanent):
    """A shipped model file does not have the digest it was shipped with."""

    reason = "model_damaged"
    hint = "Install the package again; the file was changed after it was built."


class ProviderMissing(Permanent):
    """The configured inference provider is not available in this installation."""

    reason = "provider_missing"
    hint = "Install the [gpu] extra and a CUDA driver, or set inference.provider to cpu or auto."


@cache
def digests() -> Mapping[str, str]:
    """Return the SHA-256 of every shipped model file, by its path below ``models/``."""
    listed: dict[str, str] = json.loads((_ROOT / "digests.json").read_text(encoding="utf-8"))
    return listed


def read_model_file(name: str) -> bytes:
    """Read one shipped model file.

    Parameters
    ----------
    name : str
        Path below ``dmask_node/models``, such as ``networks/iris_landmark.onnx``.

    Returns
    -------
    bytes
        The file, of the digest that `digests` lists.

    Raises
    ------
    ModelDamaged
        If the file has another digest.
    KeyError
        If no such file is shipped.
    """
    data = _ROOT.joinpath(*name.split("/")).read_bytes()
    if hashlib.sha256(data).hexdigest() != digests()[name]:
        raise ModelDamaged(f"models/{name} does not have its recorded SHA-256")
    return data


def choose_providers(
    settings: InferenceSettings, available: list[str]
) -> list[str | tuple[str, dict[str, int]]]:
    """Choose ONNX Runtime execution providers, in order of preference.

    Parameters
    ----------
    settings : InferenceSettings
        What the site asked for.
    available : list of str
        What `onnxruntime.get_available_providers` tells.

    Returns
    -------
    list
        In the form that `onnxruntime.InferenceSession` takes; the CPU is always the last.

    Raises
    ------
    ProviderMissing
        If CUDA is demanded and absent.
    """
    cuda = "CUDAExecutionProvider"
    if settings.provider == "cpu" or (settings.provider == "auto" and cuda not in available):
        return ["CPUExecutionProvider"]
    if cuda not in available:
        raise ProviderMissing(f"inference.provider is cuda; available: {', '.join(available)}")
    return [(cuda, {"device_id": settings.cuda_device}), "CPUExecutionProvider"]


def require_provider(settings: InferenceSettings) -> None:
    """Raise `ProviderMissing` if the configured provider is not in this installation."""
    choose_providers(settings, onnxruntime.get_available_providers())


class Network:
    """One ONNX network.

    Parameters
    ----------
    name : str
        File name below ``models/networks`` without ``.onnx``.
    settings : InferenceSettings
        Provider and threads.
    """

    def __init__(self, name: str, settings: InferenceSettings) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            read_model_file(f"networks/{name}.onnx"),
            options,
            providers=choose_providers(settings, onnxruntime.get_available_providers()),
        )
        self._input = self._session.get_inputs()[0].name
        self._outputs = [output.name for output in self._session.get_outputs()]

    @property
    def provider(self) -> str:
        """The execution provider in use."""
        return str(self._session.get_providers()[0])

    def __call__(self, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Run the network.

        Parameters
        ----------
        batch : (n, rows, columns, 3) ndarray of float32
            Crops, in the range that the network's model card states.

        Returns
        -------
        dict of str to ndarray of float32
            Each output by its name, first axis ``n``.
        """
        return dict(zip(self._outputs, self._session.run(None, {self._input: batch}), strict=True))


@cache
def load_morphable_model() -> MorphableModel:
    """Load the shipped face model."""
    with np.load(BytesIO(read_model_file("face/face_model.npz"))) as arrays:
        return MorphableModel.from_arrays({name: arrays[name] for name in arrays.files})

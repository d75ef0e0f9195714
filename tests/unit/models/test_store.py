"""Shipped files are used only if they are what was shipped; providers are chosen by rule."""

import hashlib
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from dmask_node.models import store
from dmask_node.models.settings import InferenceSettings
from dmask_node.models.store import (
    ModelDamaged,
    Network,
    ProviderMissing,
    choose_providers,
    digests,
    read_model_file,
)

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def test_every_shipped_file_has_its_digest() -> None:
    root = Path(str(resources.files("dmask_node.models")))
    shipped = {path.relative_to(root).as_posix() for path in (root / "networks").glob("*.onnx")}
    shipped |= {path.relative_to(root).as_posix() for path in (root / "face").glob("*.npz")}
    assert set(digests()) == shipped
    for name in shipped:
        assert hashlib.sha256(read_model_file(name)).hexdigest() == digests()[name]


def test_a_changed_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "networks").mkdir()
    name = "networks/iris_landmark.onnx"
    data = bytearray(read_model_file(name))
    data[len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(data)
    monkeypatch.setattr(store, "_ROOT", tmp_path)
    with pytest.raises(ModelDamaged, match=r"iris_landmark\.onnx") as raised:
        read_model_file(name)
    assert raised.value.reason == "model_damaged"
    with pytest.raises(ModelDamaged):
        Network("iris_landmark", InferenceSettings())


def test_an_unlisted_file_is_not_read() -> None:
    with pytest.raises(KeyError):
        read_model_file("settings.py")


@pytest.mark.parametrize("available", [[CPU], [CUDA, CPU], ["TensorrtExecutionProvider", CPU]])
def test_cpu_is_the_cpu_whatever_is_available(available: list[str]) -> None:
    assert choose_providers(InferenceSettings(provider="cpu"), available) == [CPU]


def test_auto_takes_cuda_where_there_is_one_and_the_cpu_elsewhere() -> None:
    settings = InferenceSettings(provider="auto", cuda_device=1)
    assert choose_providers(settings, [CUDA, CPU]) == [(CUDA, {"device_id": 1}), CPU]
    assert choose_providers(settings, [CPU]) == [CPU]


def test_cuda_is_demanded_not_wished_for() -> None:
    settings = InferenceSettings(provider="cuda")
    assert choose_providers(settings, [CUDA, CPU]) == [(CUDA, {"device_id": 0}), CPU]
    with pytest.raises(ProviderMissing, match="CPUExecutionProvider") as raised:
        choose_providers(settings, [CPU])
    assert raised.value.reason == "provider_missing"


def test_an_unknown_provider_is_refused() -> None:
    with pytest.raises(ValidationError):
        InferenceSettings.model_validate({"provider": "tpu"})


def test_a_network_says_where_it_runs_and_gives_each_output_a_row_per_crop() -> None:
    network = Network("iris_landmark", InferenceSettings())
    assert network.provider == CPU
    crops = np.random.default_rng(0).random((3, 64, 64, 3)).astype(np.float32)
    together = network(crops)
    assert {name: values.shape for name, values in together.items()} == {
        "output_eyes_contours_and_brows": (3, 213),
        "output_iris": (3, 15),
    }
    for k in range(3):
        alone = network(crops[k : k + 1])
        for name, values in alone.items():
            np.testing.assert_allclose(values[0], together[name][k], atol=1e-4)

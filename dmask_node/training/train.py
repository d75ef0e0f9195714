"""Train the eye network on blocks of crops, on the CPU. Needs torch."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from dmask_node.training.network import EyeNetwork, Prediction
from dmask_node.training.samples import Samples
from dmask_node.training.truth import CropTruth, Line

_LINE_SPREAD_PX: Final = 1.5
_SPOT_SPREAD_PX: Final = 2.5
"""Standard deviations of the heatmaps that are asked for, crop pixels."""
_HARDLY_SEEN: Final = 0.3
"""Visibility below which lines count for little: nobody could tell where they are."""
_AVERAGE: Final = 0.998
"""Of the running average of the weights, which is what is kept."""
_EXACT_FROM: Final = 0.85
"""Part of the training after which no step is done in bfloat16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """How to train."""

    steps: int = 9000
    batch: int = 64
    rate: float = 2.5e-3
    """Largest step size of AdamW; cosine decay to nothing."""
    seed: int = 0
    threads: int = 1
    half: bool = True
    """Whether to multiply in bfloat16, which is faster on recent CPUs."""
    save_every: int = 500


def train(
    samples: Samples, folder: Path, settings: TrainSettings, first: Path | None = None
) -> EyeNetwork:
    """Train, or go on with a training that was interrupted.

    Parameters
    ----------
    samples : Samples
        Crops and truth.
    folder : Path
        For ``state.pt`` (to go on), ``log.jsonl`` and the result, ``network.pt``.
    settings : TrainSettings
        How.
    first : Path, optional
        Weights to begin with instead of random ones.

    Returns
    -------
    EyeNetwork
        The running average over the steps, ready to be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    network, average = EyeNetwork(), EyeNetwork()
    if first is not None:
        network.load_state_dict(torch.load(first, weights_only=True))
    average.load_state_dict(network.state_dict())
    network = network.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), settings.rate, weight_decay=1e-3)
    state, done = folder / "state.pt", 0
    if state.exists():
        kept = torch.load(state, weights_only=True)
        network.load_state_dict(kept["network"])
        average.load_state_dict(kept["average"])
        optimiser.load_state_dict(kept["optimiser"])
        done = int(kept["step"])
    recent: list[dict[str, float]] = []
    for step, (crops, truth) in enumerate(_batches(samples, settings, done), done):
        for group in optimiser.param_groups:
            group["lr"] = _rate(step, settings)
        half = settings.half and step < _EXACT_FROM * settings.steps
        network.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            maps, numbers = network.raw(crops)
        losses = loss_terms(network.predict(maps.float(), numbers.float()), truth)
        optimiser.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        _follow(average, network, step)
        recent.append({name: value.item() for name, value in losses.items()})
        if (step + 1) % 100 == 0:
            mean = {
                name: round(float(np.mean([one[name] for one in recent])), 4) for name in recent[0]
            }
            with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps({"step": step + 1, **mean}) + "\n")
            recent = []
        if (step + 1) % settings.save_every == 0:
            kept = {"network": network.state_dict(), "average": average.state_dict()}
            torch.save(
                {**kept, "optimiser": optimiser.state_dict(), "step": step + 1},
                folder / "state.part",
            )
            (folder / "state.part").replace(state)
    torch.save(average.state_dict(), folder / "network.pt")
    (folder / "settings.json").write_text(json.dumps(asdict(settings)), encoding="utf-8")
    return average.eval()


def loss_terms(said: Prediction, truth: dict[str, Tensor]) -> dict[str, Tensor]:
    """Compare what the network says with the truth.

    Places are trained by their distance and by their heatmap, in units of 1 crop pixel; scales by
    the likelihood of the errors, which do not learn from it.

    Parameters
    ----------
    said : Prediction
        Of a batch.
    truth : dict of str to Tensor
        The fields of `CropTruth`; NaN where unknown.

    Returns
    -------
    dict of str to Tensor
        Terms to be added up.
    """
    heights = truth["heights"]
    weight = truth["weight"] * torch.where(truth["visibility"] < _HARDLY_SEEN, 0.25, 1.0)
    known = heights.isfinite() * weight[:, None, None]
    known = known * known.new_tensor([1.0, 1.0, 0.5, 0.4])[None, :, None]  # fold and boundary less
    target = heights.nan_to_num(0.0)
    error = (said.heights - target).abs()
    rows = torch.arange(said.line_maps.shape[2], device=heights.device) * 2.0 + 0.5
    wanted = _bell(rows[None, None, :, None] - target[:, :, None], _LINE_SPREAD_PX, 2)
    cross = -(wanted * said.line_maps).sum(dim=2)
    gap = (said.heights[:, Line.LOWER] - said.heights[:, Line.UPPER]) - (
        target[:, Line.LOWER] - target[:, Line.UPPER]
    )
    both = known[:, Line.UPPER] * known[:, Line.LOWER]

    spots = truth["spots"]
    inside = spots.isfinite().all(dim=2) & (spots > 0).all(dim=2)
    inside = inside & (spots[..., 0] < 111) & (spots[..., 1] < 79)
    spot_known = inside * weight[:, None]
    spot_target = spots.nan_to_num(0.0)
    spot_error = (said.spots - spot_target).norm(dim=2)
    columns = torch.arange(said.line_maps.shape[3], device=heights.device) * 2.0 + 0.5
    along = _bell(columns - spot_target[..., :1], _SPOT_SPREAD_PX, 2)
    down = _bell(rows - spot_target[..., 1:], _SPOT_SPREAD_PX, 2)
    spot_wanted = (down[..., :, None] * along[..., None, :]).flatten(2)
    spot_cross = -(spot_wanted * said.spot_maps).sum(dim=2)

    iris = truth["iris"]
    iris_known = iris.isfinite().all(dim=1) * weight
    return {
        "lines": _mean(error, known),
        "maps": 0.3 * _mean(cross, known),
        "gap": 0.5 * _mean(gap.abs(), both),
        "scales": 0.1 * _mean(_surprise(error, said.height_scale), known),
        "spots": 0.5 * _mean(spot_error, spot_known),
        "spot_maps": 0.15 * _mean(spot_cross, spot_known),
        "spot_scales": 0.05 * _mean(_surprise(spot_error, said.spot_scale), spot_known),
        "iris": 0.3 * _mean((said.iris - iris.nan_to_num(0.0)).abs().mean(dim=1), iris_known),
        "pupil": 2 * _number(said.pupil_ratio, truth["pupil_ratio"], weight),
        "opening": 10 * _number(said.opening, truth["opening"], weight),
        "present": 0.3 * _share(said.present, truth["present"], truth["weight"][:, None]),
        "visibility": 0.5 * _share(said.visibility, truth["visibility"], truth["weight"]),
    }


def as_tensors(truth: CropTruth, chosen: NDArray[np.intp]) -> dict[str, Tensor]:
    """Take some samples' truth as tensors."""
    return {name: torch.from_numpy(value[chosen]) for name, value in truth._asdict().items()}


def to_input(crops: NDArray[np.uint8]) -> Tensor:
    """Turn (n, 80, 112, 3) bytes into what the network reads, (n, 3, 80, 112) in [0, 1]."""
    return (torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255).contiguous(
        memory_format=torch.channels_last
    )


def _batches(
    samples: Samples, settings: TrainSettings, done: int
) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
    """Yield the batches from a step on; which they are depends on the seed and the step only."""
    n = len(samples.crops)
    each = n // settings.batch
    order: NDArray[np.intp] = np.empty(0, np.intp)
    for step in range(done, settings.steps):
        if step % each == 0 or len(order) == 0:
            order = np.random.default_rng([settings.seed, step // each]).permutation(n)
        start = step % each * settings.batch
        chosen = np.sort(order[start : start + settings.batch])
        crops = to_input(samples.crops[chosen])
        varied = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        gain = torch.exp(0.1 * torch.randn(len(chosen), 3, 1, 1, generator=varied))
        lift = 0.04 * torch.randn(len(chosen), 1, 1, 1, generator=varied)
        yield (crops * gain + lift).clamp(0, 1), as_tensors(samples.truth, chosen)


def _rate(step: int, settings: TrainSettings) -> float:
    warm = min(1.0, (step + 1) / 200)
    return settings.rate * warm * (0.5 + 0.5 * math.cos(math.pi * step / settings.steps)) + 1e-6


def _follow(average: EyeNetwork, network: EyeNetwork, step: int) -> None:
    """Move the running average on."""
    share = 1 - min(_AVERAGE, (step + 1) / (step + 10))
    with torch.no_grad():
        for kept, now in zip(
            average.state_dict().values(), network.state_dict().values(), strict=True
        ):
            if kept.is_floating_point():
                kept.lerp_(now.to(kept.dtype), share)
            else:
                kept.copy_(now)


def _bell(distance: Tensor, spread: float, dim: int) -> Tensor:
    bell = torch.exp(-0.5 * (distance / spread) ** 2)
    return bell / (bell.sum(dim=dim, keepdim=True) + 1e-6)


def _mean(value: Tensor, weight: Tensor) -> Tensor:
    return (value * weight).sum() / weight.sum().clamp(min=1e-3)


def _surprise(error: Tensor, scale: Tensor) -> Tensor:
    return error.detach() / scale + scale.log()


def _number(said: Tensor, true: Tensor, weight: Tensor) -> Tensor:
    return _mean((said - true.nan_to_num(0.0)).abs(), true.isfinite() * weight)


def _share(logit: Tensor, true: Tensor, weight: Tensor) -> Tensor:
    loss = functional.binary_cross_entropy_with_logits(
        logit, true.nan_to_num(0.0), reduction="none"
    )
    return _mean(loss, true.isfinite() * weight)

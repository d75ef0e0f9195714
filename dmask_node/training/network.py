"""The eye network: a small U-net over the crop of one eye. Needs torch; a running node does not.

Each line is a heatmap of rows in every second column, each point a heatmap of the crop; their
means are the places. Beside each place the network gives the scale of its own error (of a Laplace
distribution), which is learnt from the errors it makes.
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dmask_node.training.crop import COLUMNS, CROP
from dmask_node.training.truth import Line, Spot

N_LINES: Final = len(Line)
N_SPOTS: Final = len(Spot)
N_MAPS: Final = 2 * N_LINES + N_SPOTS
"""Heatmaps of the lines and of their errors' scale, heatmaps of the points."""
N_NUMBERS: Final = N_LINES + N_SPOTS + 3 + 1 + 1 + 1
"""Presence of lines, error scale of points, shape of the iris, pupil, opening, visibility."""
_WIDTHS: Final = (16, 32, 48, 72)


class Prediction(NamedTuple):
    """What the network says of a batch of crops; lengths in crop pixels."""

    heights: Tensor
    """(n, 4, 56)."""
    height_scale: Tensor
    """(n, 4, 56), Laplace scale of the error, positive."""
    spots: Tensor
    """(n, 4, 2)."""
    spot_scale: Tensor
    """(n, 4), positive."""
    present: Tensor
    """(n, 4), logit that the line is there."""
    iris: Tensor
    """(n, 3): xx, xy, yy of the symmetric matrix from the unit circle to the iris's rim."""
    pupil_ratio: Tensor
    """(n,), diameter of the pupil over that of the iris."""
    opening: Tensor
    """(n,), signed, over the distance of the corners."""
    visibility: Tensor
    """(n,), logit of the share of the eye that can be seen."""
    line_maps: Tensor
    """(n, 4, 40, 56), log-probabilities down each column."""
    spot_maps: Tensor
    """(n, 4, 2240), log-probabilities over the crop."""


def _block(inside: int, outside: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _block(width, width)
        self.second = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(self.first(x)))


class EyeNetwork(nn.Module):
    """About 0.5 million parameters; reads crops (n, 3, 80, 112), RGB in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = _WIDTHS
        self.down1 = nn.Sequential(_block(3, a, 5, 2), _block(a, a))
        self.down2 = nn.Sequential(_block(a, b, 3, 2), _Residual(b))
        self.down3 = nn.Sequential(_block(b, c, 3, 2), _Residual(c))
        self.down4 = nn.Sequential(_block(c, d, 3, 2), _Residual(d), _Residual(d))
        self.side3, self.side2, self.side1 = _block(d, c, 1), _block(c, b, 1), _block(b, a, 1)
        self.up3, self.up2, self.up1 = _block(c, c), _block(b, b), _block(a, a)
        self.maps = nn.Conv2d(a, N_MAPS, 3, 1, 1)
        self.dense = nn.Sequential(
            _block(d, 24, 1), nn.Flatten(), nn.Linear(24 * 35, 96), nn.ReLU(inplace=True)
        )
        self.numbers = nn.Linear(96, N_NUMBERS)
        rows, columns = CROP.rows // 2, CROP.columns // 2
        self.register_buffer("row", torch.arange(rows) * 2.0 + 0.5)
        self.register_buffer("column", torch.tensor(COLUMNS, dtype=torch.float32))
        self.register_buffer("iris_mean", torch.tensor([12.5, 0.0, 12.5]))
        assert columns == len(COLUMNS)

    def raw(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Return heatmaps (n, maps, 40, 56) and numbers (n, numbers)."""
        x = (crops - 0.5) * 4
        level1 = self.down1(x)
        level2 = self.down2(level1)
        level3 = self.down3(level2)
        level4 = self.down4(level3)
        y = self.up3(level3 + _double(self.side3(level4)))
        y = self.up2(level2 + _double(self.side2(y)))
        y = self.up1(level1 + _double(self.side1(y)))
        return self.maps(y), self.numbers(self.dense(level4))

    def predict(self, maps: Tensor, numbers: Tensor) -> Prediction:
        """Read places and scales off the heatmaps."""
        row, column = self.get_buffer("row"), self.get_buffer("column")
        lines = functional.log_softmax(maps[:, :N_LINES], dim=2)
        weight = lines.exp()
        heights = (weight * row[None, None, :, None]).sum(dim=2)
        # The scale is read where the line is, so it may differ along it.
        scale = (weight * maps[:, N_LINES : 2 * N_LINES]).sum(dim=2)
        spots = functional.log_softmax(maps[:, 2 * N_LINES :].flatten(2), dim=2)
        grid = spots.exp().view(-1, N_SPOTS, len(row), len(column))
        x = (grid.sum(dim=2) * column).sum(dim=2)
        y = (grid.sum(dim=3) * row).sum(dim=2)
        parts = numbers.split([N_LINES, N_SPOTS, 3, 1, 1, 1], dim=1)
        return Prediction(
            heights=heights,
            height_scale=_positive(scale),
            spots=torch.stack([x, y], dim=2),
            spot_scale=_positive(parts[1]),
            present=parts[0],
            iris=self.get_buffer("iris_mean") + 4 * parts[2],
            pupil_ratio=0.4 + 0.2 * parts[3][:, 0],
            opening=0.25 + 0.2 * parts[4][:, 0],
            visibility=parts[5][:, 0],
            line_maps=lines,
            spot_maps=spots,
        )

    def forward(self, crops: Tensor) -> Prediction:
        """Read a batch of crops, (n, 3, 80, 112)."""
        return self.predict(*self.raw(crops))


def _positive(x: Tensor) -> Tensor:
    """Keep a scale between 0.05 and 50 crop pixels."""
    return 0.05 + functional.softplus(x.clamp(-8, 50))


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class Exported(nn.Module):
    """The network as it is shipped: (n, 80, 112, 3) crops in, arrays of fixed meaning out.

    Parameters
    ----------
    network : EyeNetwork
        Trained.
    """

    def __init__(self, network: EyeNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        """Return lines, line scales, points, point scales, presence, iris, and the three shares."""
        said = self.network(crops.permute(0, 3, 1, 2))
        shares = torch.stack(
            [said.pupil_ratio, said.opening, torch.sigmoid(said.visibility)], dim=1
        )
        return (
            said.heights,
            said.height_scale,
            said.spots,
            said.spot_scale,
            torch.sigmoid(said.present),
            said.iris,
            shares,
        )

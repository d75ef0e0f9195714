"""FitSettings: how the morphable model is fitted, and when an eye counts as closed."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class FitSettings(BaseModel):
    """How the morphable model is fitted, and when an eye counts as closed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    focal_ratio: float = Field(default=1.5, ge=0.5, le=20)
    """Assumed focal length over the longer side of the picture. The true one is rarely told; over
    real clips the error is flat from 1.2 to 2.5 and up to 15 % worse below 1."""
    key_frames: int = Field(default=40, ge=1, le=400)
    """Frames, spread over the clip, from which the identity is fitted."""
    identity_iterations: int = Field(default=12, ge=1, le=100)
    """Gauss-Newton steps of the joint fit of identity, pose and expression."""
    evidence_tempering: float = Field(default=0.3, gt=0, le=8)
    """All key frames together weigh as much as this many independent frames. Neighbouring
    landmarks and frames err alike; with 8 the identity runs off to 5 standard deviations, with
    0.03 the error grows by a fifth."""
    identity_ridge: float = Field(default=1.0, gt=0, le=100)
    """Weight of the identity's prior, one standard deviation a component."""
    expression_ridge: float = Field(default=8.0, gt=0, le=1000)
    """Weight of the expression's prior; lower lets expressions soak up identity and noise."""
    landmark_noise_mm: float = Field(default=1.5, gt=0, le=20)
    """Standard deviation of a landmark, millimetres on the face."""
    huber_threshold: float = Field(default=2.5, gt=0, le=100)
    """Residuals beyond this many standard deviations weigh less (Huber)."""
    first_iterations: int = Field(default=12, ge=1, le=100)
    """Steps in the first frame after a gap, where no neighbour gives a start."""
    frame_iterations: int = Field(default=2, ge=1, le=100)
    """Steps in every other frame, started from the one before; more change nothing at 0.01 px."""
    restart_gap_s: float = Field(default=0.5, gt=0, le=60)
    """Frames further apart than this are fitted and smoothed apart, seconds."""
    restart_residual_mm: float = Field(default=6.0, gt=0, le=100)
    """A frame that fits worse than this, millimetres, is tried again from a fresh start: the face
    jumped."""
    smoothing_frames: float = Field(default=1.0, ge=0, le=10)
    """Standard deviation of the Gaussian that smooths pose and expression, in frames; 0 is off.
    One frame takes three quarters of the jitter for 0.02 px. Lids and gaze are never smoothed:
    a blink lasts 3 to 6 frames."""
    closed_below_mm: float = Field(default=0.9, ge=0, le=3)
    """An eye whose lids are nowhere further apart than this is closed, millimetres: landmark
    networks never report a fully closed eye."""
    closed_below_px: float = Field(default=1.0, ge=0, le=5)
    """Nor than this, source pixels, in a small picture: a slit finer than a pixel can't be told
    from a closed eye. The higher of the two limits holds."""
    open_above_mm: float = Field(default=2.2, gt=0, le=6)
    """Lids further apart than this somewhere are left as found, millimetres; between the limits
    the gap is stretched linearly so that nothing jumps."""
    open_above_px: float = Field(default=2.0, gt=0, le=10)
    """And further than this, source pixels. The higher of the two limits holds."""
    gaze_above_mm: float = Field(default=1.5, ge=0, le=6)
    """Below this aperture, millimetres, the iris is hidden and its landmarks are invented: the
    eye rotation is not measured, and the mask holds the last one."""

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        if self.closed_below_mm >= self.open_above_mm:
            raise ValueError("closed_below_mm must be less than open_above_mm")
        if self.closed_below_px >= self.open_above_px:
            raise ValueError("closed_below_px must be less than open_above_px")
        return self

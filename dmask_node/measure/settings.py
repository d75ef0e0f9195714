"""MeasureSettings: which frames are measured, and what counts as a blink."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class MeasureSettings(BaseModel):
    """Which frames are measured, and what counts as a blink."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    least_confidence: float = Field(default=0.05, ge=0, le=1)
    """Frames whose eye is rated below this are left out."""
    open_level_window_s: float = Field(default=5.0, gt=0, le=600)
    """Half width of the window in which the level of the open eye is found, seconds; lets it
    follow a lid that tires."""
    open_level_percentile: float = Field(default=75.0, ge=50, le=100)
    """Percentile of the aperture in that window that is called open: above the median, since the
    eye is shut part of the time; not the top, which is noise."""
    least_open_mm: float = Field(default=2.0, gt=0, le=20)
    """Below this open level, millimetres, closing can't be told from noise: no blinks are sought
    there."""
    blink_edge: float = Field(default=0.7, gt=0, lt=1)
    """A blink lasts while the aperture is below this part of the open level."""
    blink_depth: float = Field(default=0.5, gt=0, lt=1)
    """And falls at least below this part; so that jitter and glances down are not blinks."""
    least_blink_s: float = Field(default=0.03, ge=0, le=1)
    """Shorter dips are noise, seconds."""
    longest_blink_s: float = Field(default=0.8, gt=0, le=10)
    """Longer ones are closed eyes, seconds; a spontaneous blink lasts 0.1 to 0.4 s."""
    gap_s: float = Field(default=0.25, gt=0, le=10)
    """Frames further apart than this are not joined, seconds: what happened between was not
    seen."""
    least_time_s: float = Field(default=2.0, gt=0, le=600)
    """In less measured time, seconds, blinks are not counted at all."""
    least_rate_hz: float = Field(default=10.0, gt=0, le=240)
    """Nor at fewer measured frames a second: a blink could fall between two frames."""

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        if self.blink_depth > self.blink_edge:
            raise ValueError("blink_depth must not be more than blink_edge")
        if self.least_blink_s >= self.longest_blink_s:
            raise ValueError("least_blink_s must be less than longest_blink_s")
        return self

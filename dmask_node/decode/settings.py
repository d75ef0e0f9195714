"""DecodeSettings: what a received video may be."""

from pydantic import BaseModel, ConfigDict, Field


class DecodeSettings(BaseModel):
    """What a received video may be. Limits bound the memory one object can claim."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_rows: int = Field(default=8192, ge=16, le=65535)
    """Tallest picture taken, pixels."""
    max_columns: int = Field(default=8192, ge=16, le=65535)
    """Widest picture taken, pixels."""
    max_frames: int = Field(default=500_000, ge=1)
    """Longest video taken, frames; two hours at 60 frames a second are 432 000."""
    max_header_mb: int = Field(default=64, ge=1, le=1024)
    """Most megabytes of attributes before Pixel Data; they are held in memory."""
    max_inflated_mb: int = Field(default=1024, ge=1, le=65536)
    """Most megabytes a deflated object may grow to; it is held in memory."""
    least_share_of_declared_frames: float = Field(default=0.9, ge=0.0, le=1.0)
    """When a stream without an index ends with a smaller share of the frames its header declares,
    it counts as truncated. Headers are off by a frame or two in practice; 0 switches this off."""
    untimed_frame_s: float = Field(default=1.0, gt=0.0, le=60.0)
    """Seconds between the frames of a multi-frame image that doesn't tell its times: a series of
    photographs, so slow that nobody reads blinks from it."""
    threads: int = Field(default=2, ge=1, le=16)
    """Frames the video decoder works on at once."""

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
    max_duration_s: float = Field(default=14_400.0, gt=0.0)
    """Longest video taken, seconds; four hours."""
    max_decompressed_gb: int = Field(default=3000, ge=1)
    """Most gigabytes that all frames of an object may have once decoded, as 8 bit RGB. They are
    never there at once; this bounds the hours of work that a small file can ask for. Four hours of
    full HD at 30 frames a second are 2700."""
    max_header_mb: int = Field(default=64, ge=1, le=1024)
    """Most megabytes of attributes before Pixel Data, or of the tables of an MP4; they are held in
    memory."""
    max_depth: int = Field(default=32, ge=1, le=200)
    """Deepest nesting of sequences in a header."""
    max_items: int = Field(default=20_000, ge=1, le=1_000_000)
    """Most sequence items in a header, at all levels together."""
    max_elements: int = Field(default=100_000, ge=100, le=10_000_000)
    """Most elements in a header, at all levels together."""
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

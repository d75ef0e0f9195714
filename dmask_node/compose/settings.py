"""EncoderSettings: how the masked video is encoded."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class EncoderSettings(BaseModel):
    """How the masked video is encoded: H.264 High, 4:2:0, in MP4 without sound or metadata."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: Literal["superfast", "veryfast", "faster", "fast", "medium"] = "veryfast"
    """Speed of x264 against size. ``ultrafast`` is left out: it falls back to a lower profile
    than the transfer syntax promises."""
    crf: int = Field(default=20, ge=1, le=40)
    """Constant rate factor of x264: quality, lower is better and larger. x264's own choice is 23;
    a little better is asked for, as lid margins are thin lines."""
    threads: int = Field(default=2, ge=1, le=16)
    """Frames x264 works on at once. A fixed number, as the bytes that come out may depend on it and
    a repeated job must give the same object."""

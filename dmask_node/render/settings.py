"""RenderSettings: how large and how finely the mask is drawn."""

from pydantic import BaseModel, ConfigDict, Field


class RenderSettings(BaseModel):
    """How large and how finely the mask is drawn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_short_side_px: int = Field(default=480, ge=16, le=1080)
    """Pixels. A source whose shorter side is smaller is drawn larger by the least whole factor
    that reaches this, so that lids and iris can be seen: the mask has no resolution of its own,
    and a small picture would hide what was measured in it."""
    max_macroblocks: int = Field(default=8160, ge=99, le=8704)
    """Macroblocks of 16 x 16 pixels. A larger picture is drawn smaller. 8160 are 1920 x 1080,
    which also fits H.264 level 4.1 (8192); level 4.2 ends at 8704 (ITU-T H.264 Table A-1)."""
    supersampling: int = Field(default=2, ge=1, le=4)
    """Samples per pixel in each direction; edges of lids and iris are averaged over its square.
    One is fastest and leaves stairs, two is smooth, more is hardly seen after H.264."""

"""InferenceSettings: on what the networks run."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class InferenceSettings(BaseModel):
    """On what the networks run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: Literal["cpu", "cuda", "auto"] = "cpu"
    """``cpu``; ``cuda`` (refused at start when absent); ``auto``: CUDA when present, else CPU."""
    cuda_device: int = Field(default=0, ge=0)
    """Index of the CUDA device; unused on the CPU."""
    threads: int = Field(default=1, ge=1, le=64)
    """ONNX Runtime threads within one network call. One is fastest on a busy machine: spinning
    threads made the same pipelines 2 to 7 times slower there."""

"""LandmarkSettings: how a face is found, followed and measured."""

from pydantic import BaseModel, ConfigDict, Field


class LandmarkSettings(BaseModel):
    """How a face is found, followed and measured."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    detection_threshold: float = Field(default=0.5, ge=0.05, le=0.99)
    """Least confidence of the face detector, unitless. MediaPipe's own default."""
    presence_threshold: float = Field(default=0.5, ge=0.05, le=0.99)
    """Least face presence of the landmark network, unitless; below it the face counts as lost.
    It tells a face from no face, not whether the face is uncovered: a bar over both eyes still
    gives 1.0."""
    detect_every_frames: int = Field(default=30, ge=0, le=100_000)
    """The detector runs anew after so many frames although a face is followed, to see a track
    that has drifted and other faces in the picture. 0: only when no face is followed. At 30
    it costs a thirtieth of some 3 ms a frame."""
    same_face_min_overlap: float = Field(default=0.2, ge=0.01, le=0.9)
    """Least intersection over union of a detection with the box around the landmarks for both to
    be the same face. The boxes differ by design (the detector's leaves out the forehead), so the
    limit is low."""
    cut_threshold: float = Field(default=0.1, ge=0.01, le=1.0)
    """Mean absolute change of a 16 x 16 grey thumbnail between two frames, as a fraction of full
    scale, from which a change of scene is assumed and the face searched anew. A talking face in a
    driving car changes by 0.016 at most. A needless search only costs time."""
    close_up_min_eye_px: float = Field(default=16.0, ge=0.0, le=1000.0)
    """Least distance of the corners of both eyes, pixels, for the close-ups: the iris network and
    the snapping of the upper lid. Below it the attention network's own eyes stand. On portraits
    made small, the iris network's iris centre was the less steady at 10 px (1.04 against 0.73 %
    of the eye's width), as steady at 16 (0.50 %); the snapped lid scattered 0.73 against 0.50 % at
    12 px, 0.51 against 0.40 % at 16, 0.25 against 0.33 % at 22."""
    snap_upper_lid: bool = True
    """Move the upper lid of open eyes from where the network puts it to the edge in the picture.
    The networks follow about half of a lid that droops alone, the edge three quarters (eyes of
    16 px) to 0.85 (40 px) of it."""

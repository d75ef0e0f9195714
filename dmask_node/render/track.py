"""A mask track to the frames of a video."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.geometry.eyeball import eyeball_mesh
from dmask_node.geometry.eyelids import EyelidModel
from dmask_node.geometry.mask_surface import mask_surface
from dmask_node.geometry.morphable_model import MorphableModel
from dmask_node.geometry.rotation import listing_rotation
from dmask_node.records.anatomy import Eye
from dmask_node.records.masked import MaskTrack
from dmask_node.render.conjunctiva import Lining
from dmask_node.render.eyes import light_eyeball, paint_eyeball
from dmask_node.render.marks import BACKGROUND, draw_no_face
from dmask_node.render.occlusion import sky_seen
from dmask_node.render.paint import SkinPaint
from dmask_node.render.raster import SampleBuffer, View, rasterise
from dmask_node.render.settings import RenderSettings
from dmask_node.render.shading import SkinShader

_DEFAULTS: Final = RenderSettings()


def output_size(rows: int, columns: int, settings: RenderSettings) -> tuple[int, int]:
    """Choose the size of the mask video for a source of the given size.

    Parameters
    ----------
    rows, columns : int
        Of the source, pixels, positive.
    settings : RenderSettings
        Least short side and most macroblocks.

    Returns
    -------
    rows, columns : int
        Both even, as 4:2:0 chroma needs it; the source's own size where the settings allow it,
        else a whole multiple of it, or, above the limit, the largest even size that fits. The
        shape of the picture is kept to within two pixels.
    """
    factor = max(1, -(-settings.min_short_side_px // min(rows, columns)))
    while factor > 1 and _macroblocks(rows * factor, columns * factor) > settings.max_macroblocks:
        factor -= 1
    high, wide = _even(rows * factor), _even(columns * factor)
    scale = 1.0
    while _macroblocks(high, wide) > settings.max_macroblocks:
        scale *= 0.99
        high, wide = _even(rows * scale), _even(columns * scale)
    return high, wide


def render_track(
    mask: MaskTrack,
    model: MorphableModel,
    rows: int,
    columns: int,
    settings: RenderSettings = _DEFAULTS,
) -> Iterator[NDArray[np.uint8]]:
    """Draw each frame of a mask track.

    Parameters
    ----------
    mask : MaskTrack
        How the constant face moves; its camera is in source pixels.
    model : MorphableModel
        The face.
    rows, columns : int
        Of the pictures to draw, from `output_size`.
    settings : RenderSettings, optional
        Supersampling.

    Yields
    ------
    (rows, columns, 3) ndarray of uint8
        RGB, one for each frame of the track, in order. A frame without a face is the mark of
        `draw_no_face`. The same track gives the same bits, on one thread or several.
    """
    renderer = MaskRenderer(model, settings)
    no_face = draw_no_face(rows, columns)
    for frame in range(len(mask.time_s)):
        yield renderer.draw(mask, frame, rows, columns) if mask.found[frame] else no_face.copy()


class MaskRenderer:
    """What is needed to draw any frame of any mask, made once.

    Parameters
    ----------
    model : MorphableModel
        The face.
    settings : RenderSettings, optional
        Supersampling.
    """

    def __init__(self, model: MorphableModel, settings: RenderSettings = _DEFAULTS) -> None:
        self._model = model
        self._settings = settings
        self._samples = SampleBuffer()
        self._lids = EyelidModel.of(model)
        self._skin = _skin_shader(model)
        self._linings = [Lining.of(model, eye) for eye in Eye]
        ball = eyeball_mesh(model.eyeball_radius_mm, 0.5 * model.eyeball_radius_mm)
        triangles, n_vertices = [model.fine_triangles], model.subdivision.shape[0]
        for lining in self._linings:  # in the order in which `draw` stacks the vertices
            for part, n_part in (
                (ball.triangles, len(ball.vertices_mm)),
                (lining.triangles, len(lining.colours)),
            ):
                triangles.append(part + np.int32(n_vertices))
                n_vertices += n_part
        self._triangles = np.concatenate(triangles)

    def draw(self, mask: MaskTrack, frame: int, rows: int, columns: int) -> NDArray[np.uint8]:
        """Draw one frame in which a face was found.

        Parameters
        ----------
        mask : MaskTrack
            With `found` true in this frame.
        frame : int
            Its index.
        rows, columns : int
            Of the picture, pixels.

        Returns
        -------
        (rows, columns, 3) ndarray of uint8
            RGB.
        """
        rotation = mask.rotation_model_to_camera[frame]
        iris_radius_mm = float(mask.iris_radius_mm[frame])
        surface = mask_surface(
            self._model,
            self._lids,
            mask.expression[frame],
            mask.eyelid_weights[frame],
            rotation,
            iris_radius_mm,
        )
        turned = np.asarray(surface.vertices_mm @ rotation.T, np.float32)
        skin = self._skin.refine(turned)
        vertices = [skin]
        colours = [self._skin.colours(skin, np.asarray(surface.fold_shade, np.float32))]
        for eye in Eye:
            centre_mm = rotation @ surface.eye_centres_mm[eye]
            ball, painted = self._eyeball(
                mask.gaze[frame, eye], centre_mm, rotation, iris_radius_mm
            )
            lining = self._linings[eye]
            vertices += [ball, lining.vertices_mm(skin, centre_mm)]
            colours += [painted, lining.colours]
        x, y, z = mask.translation_mm[frame]
        in_camera = np.concatenate(vertices) + np.array([x, y, -z], np.float32)
        scale = min(rows / mask.rows, columns / mask.columns)
        view = View(
            rows=rows,
            columns=columns,
            focal_px=mask.focal_px * scale,
            centre_px=(columns / 2, rows / 2),
        )
        return rasterise(
            np.array(BACKGROUND, np.uint8),
            view,
            in_camera,
            self._triangles,
            np.concatenate(colours),
            self._settings.supersampling,
            self._samples,
        )

    def _eyeball(
        self,
        gaze: NDArray[np.float64],
        centre_mm: NDArray[np.float64],
        rotation: NDArray[np.float64],
        iris_radius_mm: float,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return vertices in camera axes, before translation, and colours of one eyeball."""
        radius_mm = self._model.eyeball_radius_mm
        unit, polar_colours = _painted_eyeball(radius_mm, iris_radius_mm)
        normals = np.asarray(unit @ listing_rotation(gaze).T, np.float32)
        colours = light_eyeball(polar_colours, normals, np.asarray(normals @ rotation, np.float32))
        return np.asarray(normals * radius_mm + centre_mm, np.float32), colours


@lru_cache(maxsize=1)
def _skin_shader(model: MorphableModel) -> SkinShader:
    """Prepare the skin of a model; a process draws many clips with the same one."""
    paint = SkinPaint.of(model)
    bare = SkinShader(model.subdivision, model.fine_triangles, paint, BACKGROUND)
    at_rest = np.asarray(model.subdivision @ model.mean)
    sky = sky_seen(model, at_rest, bare.normals(at_rest.astype(np.float32)))
    return SkinShader(model.subdivision, model.fine_triangles, paint, BACKGROUND, sky)


@lru_cache(maxsize=4)
def _painted_eyeball(
    radius_mm: float, iris_radius_mm: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return unit normals of an eyeball that looks along +z, and its colours before light."""
    ball = eyeball_mesh(radius_mm, iris_radius_mm)
    painted = paint_eyeball(ball.polar_rad, ball.pupil_rad, ball.limbus_rad)
    return np.asarray(ball.vertices_mm / radius_mm, np.float32), painted


def _macroblocks(rows: int, columns: int) -> int:
    return -(-rows // 16) * -(-columns // 16)


def _even(length: float) -> int:
    return max(2, 2 * round(length / 2))

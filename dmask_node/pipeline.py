"""The main path, on one page: from a received instance to the masked objects.

Identity ends at `dmask_node.fit.gate.pass_gate`: what comes before may name a patient's pixels,
landmarks and face shape; what comes after gets the motion of a constant average face.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path

from pydicom import Dataset
from threadpoolctl import threadpool_limits

from dmask_node.check.harvest import require_searchable
from dmask_node.check.outgoing import check_outgoing
from dmask_node.compose.encoder import encode_video
from dmask_node.compose.photograph import compose_photograph
from dmask_node.compose.picture import write_picture
from dmask_node.compose.readable import write_csv, write_html
from dmask_node.compose.report_sr import compose_report
from dmask_node.compose.settings import EncoderSettings
from dmask_node.compose.video_sop import compose_video
from dmask_node.decode.frames import open_source
from dmask_node.decode.settings import DecodeSettings
from dmask_node.deidentify.audience import Audience
from dmask_node.deidentify.escrow import seal_identity
from dmask_node.deidentify.header import clean_header, identity_of
from dmask_node.deidentify.keys import MasterKey
from dmask_node.deidentify.origin import Origin
from dmask_node.deidentify.settings import DeidentifySettings
from dmask_node.deidentify.site_vocabulary import OneInstance
from dmask_node.deidentify.vocabulary import NoVocabulary, Vocabulary
from dmask_node.errors import Permanent
from dmask_node.events import Listener, Timed, advancing, stage
from dmask_node.fit.gate import pass_gate
from dmask_node.fit.sequence import fit_track
from dmask_node.fit.settings import FitSettings
from dmask_node.geometry.morphable_model import MorphableModel
from dmask_node.landmarks.settings import LandmarkSettings
from dmask_node.landmarks.track import FaceTracker, find_landmarks
from dmask_node.measure.settings import MeasureSettings
from dmask_node.measure.summary import summarise
from dmask_node.models.settings import InferenceSettings
from dmask_node.records.gated import MaskedInstance
from dmask_node.records.masked import (
    CleanHeader,
    Encoded,
    EncodedPicture,
    MaskedObject,
    MaskedStudy,
    MaskTrack,
    Measurements,
)
from dmask_node.render.settings import RenderSettings
from dmask_node.render.track import output_size, render_track
from dmask_node.version import RENDERER, VERSION


class TooFewFaces(Permanent):
    """Too few frames show a face for the mask to be trusted."""

    reason = "too_few_faces"
    hint = "Look at the original: is the face in the picture, upright and lit? Record it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the path is made of."""

    decode: DecodeSettings
    inference: InferenceSettings
    landmarks: LandmarkSettings
    fit: FitSettings
    measure: MeasureSettings
    render: RenderSettings
    encoder: EncoderSettings
    deidentify: DeidentifySettings
    master_key: MasterKey
    audiences: tuple[Audience, ...]
    """For whom to compose, each once."""
    escrow: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)
    """Certificates (DER) to which the identity is encrypted, by the audience's name; for audiences
    that are not named, it is not sent."""
    vocabulary: Vocabulary = field(default_factory=NoVocabulary)
    """What an administrator has approved of the sources' descriptors."""
    model: MorphableModel
    model_digests: Mapping[str, str]
    """SHA-256 of each shipped model file, by its path."""
    min_face_fraction: float
    """Least share of frames with a face, in [0, 1]; below it the object is quarantined."""


def mask_instance(
    job_id: str,
    source: Path,
    out: Path,
    parts: Parts,
    listeners: Sequence[Listener],
    origin: Origin | None = None,
) -> MaskedInstance:
    """Turn one received instance into the objects that may leave the node.

    Parameters
    ----------
    job_id : str
        Told to the listeners.
    source : Path
        The SOP instance as received (DICOM Part 10), or a plain video or picture file.
    out : Path
        An existing folder of the node's own; ``masked.mp4`` is written there, and ``video.dcm``
        and ``report.dcm`` in a folder for each audience, replacing those of an earlier attempt. A
        source of a single frame becomes ``masked.png`` and ``photograph.dcm`` instead.
    parts : Parts
        Settings, keys and models.
    listeners : sequence of Listener
        Told when each stage starts, advances, ends or fails.
    origin : Origin, optional
        Who sent it, and what the node knows of its study; without it nothing is known.

    Returns
    -------
    MaskedInstance
        For each audience image and report, free of identity, checked by the last gate.

    Raises
    ------
    DmaskError
        Transient or Permanent, from the stage that failed.
    """
    # One BLAS thread: on small matrices threads only wait for one another (the fit took 14 times as
    # long with two on a busy machine), and their number must not change what comes out.
    with threadpool_limits(limits=1, user_api="blas"):
        return _mask(job_id, source, out, parts, listeners, origin or Origin())


def _mask(
    job_id: str,
    source: Path,
    out: Path,
    parts: Parts,
    listeners: Sequence[Listener],
    origin: Origin,
) -> MaskedInstance:
    during = partial(stage, listeners, job_id)

    with during("decode") as facts:
        video = open_source(source, parts.decode)
        require_searchable(video.header)  # the last gate will have to
        epoch = _pinned_epoch(video.header, parts, origin)
        vocabulary = OneInstance(parts.vocabulary)
        headers = {
            audience.name: clean_header(
                video.header,
                video.pixel_sha256,
                parts.master_key.keys(epoch, audience.label),
                parts.deidentify,
                audience,
                models_digest="".join(sorted(parts.model_digests.values())),
                vocabulary=vocabulary,
                received=date.fromtimestamp(source.stat().st_mtime),
                calling_ae_title=origin.calling_ae_title,
            )
            for audience in parts.audiences
        }
        for name, recipients in parts.escrow.items():
            envelope = seal_identity(video.header, recipients)
            headers[name] = replace(headers[name], escrow=(envelope,))
        facts["rows"], facts["columns"] = video.rows, video.columns

    with during("landmarks") as facts:
        frames = Timed(video.frames)
        seen = find_landmarks(
            advancing(listeners, job_id, "landmarks", frames, video.declared_frames),
            video.rows,
            video.columns,
            FaceTracker(parts.inference, parts.landmarks),
        )
        facts["decode_seconds"] = frames.seconds
        facts["frames"], facts["frames_with_face"] = len(seen.time_s), int(seen.found.sum())
        _require_faces(int(seen.found.sum()), len(seen.time_s), parts.min_face_fraction)

    with during("fit"):
        fit = fit_track(seen, parts.model, parts.fit)

    with during("gate"):
        mask, eyes = pass_gate(fit, parts.model, parts.fit)

    with during("measure"):
        measurements = summarise(eyes, parts.measure)

    with during("render") as facts:
        encoded, facts["draw_seconds"] = _draw(mask, parts, out, listeners, job_id)
        facts["frames"] = encoded.n_frames

    gated = []
    for audience, header in headers.items():
        with during("compose") as facts:
            study = _compose(audience, header, encoded, measurements, parts, out)
            facts["audience"], facts["profile"] = audience, header.profile
            facts["profile_digest"] = header.profile_digest
            facts["image_sha256"], facts["image_uid"] = _digest_and_uid(study.image)
            facts["report_sha256"], facts["report_uid"] = _digest_and_uid(study.report)
        with during("check") as facts:
            facts["audience"] = audience
            recipients = parts.escrow.get(audience, ())
            gated.append(check_outgoing(study, video.header, header, recipients=recipients))
    return MaskedInstance(
        studies=tuple(gated), eyes=eyes, measurements=measurements, encoded=encoded
    )


def _pinned_epoch(header: Dataset, parts: Parts, origin: Origin) -> str:
    """Return under which epoch the study's names are keyed; raise if it is another patient's."""
    study, patient = identity_of(header, parts.deidentify, origin.calling_ae_title)
    digest, epoch = parts.master_key.keyed_digest, parts.deidentify.epoch
    return origin.pin(digest(f"study {study}"), digest(f"patient {patient}"), epoch)


def _draw(
    mask: MaskTrack, parts: Parts, out: Path, listeners: Sequence[Listener], job_id: str
) -> tuple[Encoded, float]:
    """Draw the mask: one frame as a picture, more as a video. Return it and the seconds it took."""
    rows, columns = output_size(mask.rows, mask.columns, parts.render)
    pictures = Timed(render_track(mask, parts.model, rows, columns, parts.render))
    frames = advancing(listeners, job_id, "render", pictures, len(mask.time_s))
    if len(mask.time_s) == 1:
        picture = write_picture(frames, rows, columns, out / "masked.png")
        return picture, pictures.seconds
    times_s = [float(t) for t in mask.time_s]
    video = encode_video(frames, times_s, rows, columns, out / "masked.mp4", parts.encoder)
    return video, pictures.seconds


def _compose(
    audience: str,
    header: CleanHeader,
    encoded: Encoded,
    measurements: Measurements,
    parts: Parts,
    out: Path,
) -> MaskedStudy:
    """Compose the objects for one audience, in a folder of its own."""
    folder = out / audience
    folder.mkdir(exist_ok=True)
    if isinstance(encoded, EncodedPicture):
        image = compose_photograph(encoded, header, folder / "photograph.dcm")
    else:
        image = compose_video(encoded, header, folder / "video.dcm")
    report = compose_report(
        measurements, header, image, encoded, parts.model_digests, folder / "report.dcm"
    )
    return MaskedStudy(audience=audience, image=image, report=report, encoded=encoded)


def _digest_and_uid(masked: MaskedObject) -> tuple[str, str]:
    return masked.sha256, masked.sop_instance_uid


def _require_faces(found: int, frames: int, least: float) -> None:
    if found < max(1, least * frames):
        raise TooFewFaces(
            f"{found} of {frames} frames show a face; at least {least:.0%} are needed"
        )


def write_companions(masked: MaskedInstance, parts: Parts, out: Path) -> None:
    """Write what people and scripts read beside the DICOM objects.

    Parameters
    ----------
    masked : MaskedInstance
        As `mask_instance` returned it.
    parts : Parts
        What it was made with.
    out : Path
        Existing folder; ``measurements.csv`` and ``report.html`` are written there.
    """
    write_csv(masked.eyes, out / "measurements.csv")
    facts = {"Software": f"dmask_node {VERSION}", "Renderer": RENDERER}
    facts |= {name: f"SHA-256 {digest}" for name, digest in parts.model_digests.items()}
    encoded = masked.encoded
    picture = encoded.path.read_bytes() if isinstance(encoded, EncodedPicture) else None
    write_html(masked.measurements, masked.eyes, out / "report.html", facts, picture)

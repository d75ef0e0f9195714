"""``dmask mask``: mask one file without the network."""

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from dmask_node.audit.journal import Journal
from dmask_node.audit.listener import AuditListener
from dmask_node.cli.keys import record_creation
from dmask_node.cli.output import ConfigOption, JsonOption, answer, console, errors_told, notice
from dmask_node.cli.progress import ProgressBar
from dmask_node.config import (
    Settings,
    audit_folder,
    create_keys,
    load_settings,
    named_audience,
)
from dmask_node.deidentify.keys import KeyFileExists
from dmask_node.errors import Permanent
from dmask_node.events import Listener
from dmask_node.parts import build_parts
from dmask_node.pipeline import mask_instance, write_companions
from dmask_node.records.masked import Role

_OF_THE_OTHER_KIND: Final = {
    Role.VIDEO: ("photograph.dcm", "masked.png"),
    Role.PHOTOGRAPH: ("video.dcm", "masked.mp4"),
}


class InputMissing(Permanent):
    """The input file can't be read."""

    reason = "input_missing"
    hint = "Give a DICOM file, a video (MP4, AVI, MOV) or a picture (JPEG, PNG)."


def mask(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="DICOM file, MP4, AVI, MOV, JPEG or PNG.")
    ],
    output_dir: Annotated[Path, typer.Argument(help="Folder for the masked objects.")],
    config: ConfigOption = None,
    profile: Annotated[str, typer.Option(help="Which of the [profiles] to apply.")] = "default",
    label: Annotated[
        str, typer.Option(help="Under which names are keyed; see forward.destinations.label.")
    ] = "local",
    as_json: JsonOption = False,
) -> None:
    """Mask one file, without the network.

    Leaves in OUTPUT_DIR: video.dcm and report.dcm, exactly as they would be forwarded; masked.mp4,
    report.html and measurements.csv. Of a photograph: photograph.dcm for video.dcm, and masked.png
    for masked.mp4.
    """
    with errors_told(as_json=as_json):
        result = mask_file(
            source, output_dir, config, None if as_json else console(), (profile, label)
        )
    answer(result, as_json=as_json)


def mask_file(
    source: Path,
    output_dir: Path,
    config: Path | None,
    shown: Console | None,
    audience: tuple[str, str] = ("default", "local"),
) -> Mapping[str, Any]:
    """Mask one file into a folder for one audience, given by profile and label; see `mask`.

    The results are made in a folder beside the output and moved in at the end, so that the
    output folder never holds half of a study.
    """
    if not source.is_file():
        raise InputMissing("INPUT is not a readable file")
    settings = load_settings(config)
    chosen = named_audience(settings, *audience)
    _require_key(settings)
    parts = build_parts(settings, [chosen])
    journal = Journal(audit_folder(settings), settings.node.name)
    output_dir.mkdir(parents=True, exist_ok=True)
    job_id = f"local-{secrets.token_hex(4)}"
    with TemporaryDirectory(prefix=".masking-", dir=output_dir) as scratch:
        work = Path(scratch)
        bar = ProgressBar(shown) if shown is not None else None
        listeners: list[Listener] = [AuditListener(journal)]
        if bar is not None:
            listeners.append(bar)
            with bar:
                masked = mask_instance(job_id, source, work, parts, listeners)
        else:
            masked = mask_instance(job_id, source, work, parts, listeners)
        write_companions(masked, parts, work)
        [study] = masked.studies
        image, report = study.objects
        made = [image.path, report.path, masked.encoded.path]
        made += [work / "report.html", work / "measurements.csv"]
        for file in made:
            shutil.move(file, output_dir / file.name)
        for name in _OF_THE_OTHER_KIND[image.role]:  # of another source, masked here before
            (output_dir / name).unlink(missing_ok=True)
    found = masked.measurements
    return {
        "output": str(output_dir),
        "files": [file.name for file in made],
        "frames": found.frames_total,
        "frames_with_face": found.frames_with_face,
        f"{image.role}_sop_instance_uid": image.sop_instance_uid,
        "report_sop_instance_uid": report.sop_instance_uid,
    }


def _require_key(settings: Settings) -> None:
    """Make the state folder's key at first use: there is no node yet, and no key configured.

    A configured key is never made up.
    """
    if settings.deidentify.key_file is not None or settings.key_file.exists():
        return
    try:
        key = create_keys(settings, lambda made: record_creation(settings, made))
    except KeyFileExists:  # another process was first
        return
    notice(
        f"first use: made the key {settings.key_file}, fingerprint {key.fingerprint()}; "
        "keep it, for it names every mask (`dmask keys create` puts one elsewhere)"
    )

"""``dmask echo`` and ``dmask send``: talk to a node, as a modality would."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from pydicom.misc import is_dicom
from rich.console import Console

from dmask_node.cli.output import ConfigOption, JsonOption, answer, errors_told
from dmask_node.config import Settings, load_settings
from dmask_node.decode.errors import NotDicom
from dmask_node.decode.wrap import wrap_video
from dmask_node.errors import DmaskError, SettingsRefused
from dmask_node.forward.scu import Outgoing
from dmask_node.forward.scu import echo as c_echo
from dmask_node.forward.scu import send as c_store
from dmask_node.forward.settings import Destination

TargetArgument = Annotated[
    str | None,
    typer.Argument(help="Name of a destination in the settings; without one, the node itself."),
]
HostOption = Annotated[str | None, typer.Option(help="Another host than in the settings.")]
PortOption = Annotated[int | None, typer.Option(help="Another port than in the settings.")]
CalledOption = Annotated[str | None, typer.Option("--called", help="Another called AE title.")]
CallingOption = Annotated[str | None, typer.Option("--calling", help="Own AE title.")]


def echo(
    target: TargetArgument = None,
    config: ConfigOption = None,
    host: HostOption = None,
    port: PortOption = None,
    called: CalledOption = None,
    calling: CallingOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a C-ECHO to the node, or to one of its destinations."""
    with errors_told(as_json=as_json):
        peer = _peer(load_settings(config), target, host, port, called, calling)
        seconds = c_echo(peer)
    result = {"peer": peer.ae_title, "host": peer.host, "port": peer.port}
    answer({**result, "answered_ms": round(seconds * 1000, 1)}, as_json=as_json)


def send(
    files: Annotated[list[Path], typer.Argument(help="DICOM files, or videos to wrap.")],
    config: ConfigOption = None,
    host: HostOption = None,
    port: PortOption = None,
    called: CalledOption = None,
    calling: CallingOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send files to the node by C-STORE; a plain video is wrapped as Video Photographic Image."""
    results: list[dict[str, Any]] = []
    with errors_told(as_json=as_json):
        peer = _peer(load_settings(config), None, host, port, called, calling)
        for number, file in enumerate(files, start=1):
            results.append({"file": number, **send_file(peer, file)})

    def tell(shown: Console) -> None:
        for r in results:
            shown.print(f"{r['file']}: {r['outcome']} {r['status']}", markup=False)

    stored = sum(r["outcome"] == "stored" for r in results)
    answer({"sent": stored, "files": results}, as_json=as_json, tell=tell)
    if stored < len(results):
        raise typer.Exit(1)


def send_file(peer: Destination, file: Path) -> dict[str, str]:
    """Send one file by C-STORE.

    Parameters
    ----------
    peer : Destination
        Where to.
    file : Path
        DICOM file; or a video, which is wrapped first.

    Returns
    -------
    dict
        ``outcome`` (``stored``, or the reason of a failure) and ``status`` (the DICOM status in
        hexadecimal, or empty when there was no answer).
    """
    statuses: list[int] = []
    try:
        with _as_instance(file) as instance:
            outgoing = _outgoing(instance)
            c_store(peer, [outgoing], lambda _, status: statuses.append(status), statuses.append)
    except DmaskError as error:
        return {"outcome": error.reason, "status": _hex(statuses)}
    return {"outcome": "stored", "status": _hex(statuses)}


def _hex(statuses: list[int]) -> str:
    return f"{statuses[-1]:04X}H" if statuses else ""


def _outgoing(instance: Path) -> Outgoing:
    try:
        meta = dcmread(instance, stop_before_pixels=True, specific_tags=[]).file_meta
        return Outgoing(
            role="original",
            path=instance,
            sop_class_uid=str(meta.MediaStorageSOPClassUID),
            transfer_syntax_uid=str(meta.TransferSyntaxUID),
        )
    except (InvalidDicomError, AttributeError, OSError, ValueError) as error:
        raise NotDicom(f"the file has no DICOM meta information: {type(error).__name__}") from None


@contextmanager
def _as_instance(file: Path) -> Iterator[Path]:
    """Yield the file, or what wraps it."""
    if not file.is_file():
        raise NotDicom("the file can't be read")
    if is_dicom(file):
        yield file
        return
    with TemporaryDirectory(prefix="dmask-send-") as folder:
        yield wrap_video(file, Path(folder) / f"{secrets.token_hex(8)}.dcm")


def _peer(
    settings: Settings,
    target: str | None,
    host: str | None,
    port: int | None,
    called: str | None,
    calling: str | None,
) -> Destination:
    """Put together whom to talk to: the node itself, or a destination, with what was overridden."""
    if target is None:
        allowed = settings.receive.calling_ae_titles
        peer = Destination(
            name="node",
            ae_title=settings.receive.ae_title,
            host=settings.receive.host,
            port=settings.receive.port,
            calling_ae_title=allowed[0] if allowed else "DMASK_SEND",
        )
    else:
        by_name = {d.name: d for d in settings.forward.destinations}
        if target not in by_name:
            raise SettingsRefused(f"no destination of that name; there are: {', '.join(by_name)}")
        peer = by_name[target]
    overridden = {
        "host": host,
        "port": port,
        "ae_title": called,
        "calling_ae_title": calling,
    }
    return peer.model_copy(update={k: v for k, v in overridden.items() if v is not None})

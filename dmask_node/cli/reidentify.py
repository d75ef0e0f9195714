"""``dmask reidentify``: open the identity that was encrypted to somebody, and say so first."""

from pathlib import Path
from typing import Annotated

import typer
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from rich.console import Console

from dmask_node.audit.journal import Journal
from dmask_node.cli.output import ConfigOption, JsonOption, answer, errors_told
from dmask_node.cli.person import require_reason, shown, user_name
from dmask_node.config import audit_folder, load_settings
from dmask_node.deidentify.escrow import EnvelopeUnreadable, open_identity
from dmask_node.errors import Permanent


class PrivateKeyUnusable(Permanent):
    """The private key can't be used."""

    reason = "private_key_unusable"
    hint = "Give a recipient's RSA key (PEM); if it has a password, --password-file with it."


def reidentify(
    file: Annotated[Path, typer.Argument(help="A masked object, as the node sent it.")],
    key: Annotated[Path, typer.Option("--key", help="Private key of a recipient (PEM).")],
    password_file: Annotated[
        Path | None, typer.Option(help="Its first line is the password of the private key.")
    ] = None,
    reason: Annotated[
        str, typer.Option(help="Why, for the audit journal; never a patient's name.")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell whose mask this is, to a recipient of its encrypted identity.

    First an audit record is written: outgoing SOP Instance UID, user, reason, certificate. If it
    can't be, nothing is told.
    """
    with errors_told(as_json=as_json):
        settings = load_settings(config)
        require_reason(reason)
        private = _private_key(key, password_file)
        dataset = _read(file)
        identity = open_identity(_encrypted_content(dataset), private)
        facts = {
            "sop_instance_uid": str(dataset.get("SOPInstanceUID", "")),
            "user": user_name(),
            "why": reason,
            "recipient_serial": f"{identity.recipient_serial:x}",
        }
        journal = Journal(audit_folder(settings), settings.node.name)
        journal.append("reidentified", "", "ok", facts)

    def tell(screen: Console) -> None:
        for keyword, value in identity.values.items():
            screen.print(f"{keyword}: {shown(value)}", markup=False)

    answer(dict(identity.values), as_json=as_json, tell=tell)


def _private_key(path: Path, password_file: Path | None) -> RSAPrivateKey:
    try:
        data = path.read_bytes()
        password = password_file.read_bytes().splitlines()[:1] if password_file else None
    except OSError as error:
        raise PrivateKeyUnusable(f"a file can't be read: {error.strerror}") from None
    try:
        key = load_pem_private_key(data, b"".join(password) if password is not None else None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        raise PrivateKeyUnusable("it is no private key, or this is not its password") from None
    if not isinstance(key, RSAPrivateKey):
        raise PrivateKeyUnusable("it is no RSA key; identities are encrypted to such alone")
    return key


def _read(path: Path) -> Dataset:
    try:
        return dcmread(path, stop_before_pixels=True)
    except OSError as error:
        raise EnvelopeUnreadable(f"FILE can't be read: {error.strerror}") from None
    except InvalidDicomError:
        raise EnvelopeUnreadable("FILE is not DICOM") from None


def _encrypted_content(dataset: Dataset) -> bytes:
    items = dataset.get("EncryptedAttributesSequence") or []
    contents = [item.get("EncryptedContent") for item in items]
    if len(contents) != 1 or not isinstance(contents[0], bytes):
        raise EnvelopeUnreadable(f"FILE holds {len(contents)} encrypted identities")
    return contents[0]

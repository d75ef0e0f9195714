"""Send files as a sender with a command set of its own: ``python -m tests.adversary.sender``.

Prints the status of each, in hexadecimal. DCMTK's tools can't say on whose behalf they send, and
know no fragmentable video.
"""

import argparse
from io import BytesIO
from pathlib import Path

from pydicom.filereader import read_file_meta_info
from pynetdicom import AE
from pynetdicom.dimse_primitives import C_STORE


def send(port: int, files: list[Path], originators: list[str]) -> list[int | None]:
    """Send each file on an association of its own; return the statuses."""
    return [_send(port, file, name) for file, name in zip(files, originators, strict=True)]


def _send(port: int, file: Path, originator: str) -> int | None:
    meta = read_file_meta_info(file)
    entity = AE("STORESCU")  # one that is let in
    entity.implementation_version_name = originator
    entity.add_requested_context(meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", port, ae_title="DMASK")
    if not association.is_established or not association.accepted_contexts:
        association.abort()
        return None
    request = C_STORE()
    request.MessageID = 1
    request.Priority = 2
    request.AffectedSOPClassUID = meta.MediaStorageSOPClassUID
    request.AffectedSOPInstanceUID = meta.MediaStorageSOPInstanceUID
    request.MoveOriginatorApplicationEntityTitle = originator
    request.MoveOriginatorMessageID = 7
    data = file.read_bytes()
    request.DataSet = BytesIO(data[144 + meta.FileMetaInformationGroupLength :])
    association._reactor_checkpoint.clear()  # else its own thread may take the answer
    while not association._is_paused:
        pass
    association.dimse.send_msg(request, 1)
    _, response = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    association.release()
    status = response.Status if isinstance(response, C_STORE) else None
    return None if status is None else int(status)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--originators", nargs="+", required=True)
    given = parser.parse_args()
    for status in send(given.port, given.files, given.originators):
        print("none" if status is None else f"{status:04X}")

"""A small built-in storage SCP: the destination of the demonstration."""

from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from pydicom.uid import UID
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt

_VERIFICATION: Final = "1.2.840.10008.1.1"


class Archive:
    """Keeps every instance it is sent as a Part 10 file.

    Parameters
    ----------
    folder : Path
        Existing folder; each instance becomes ``<sop instance uid>.dcm``.
    port : int
        TCP port on 127.0.0.1.
    ae_title : str
        Its AE title.
    """

    def __init__(self, folder: Path, port: int, ae_title: str = "ARCHIVE") -> None:
        self._folder = folder
        self._port = port
        self._entity = AE(ae_title)
        self._entity.maximum_pdu_size = 131072
        self._entity.add_supported_context(_VERIFICATION)
        for context in AllStoragePresentationContexts:
            self._entity.add_supported_context(str(context.abstract_syntax), ALL_TRANSFER_SYNTAXES)

    def __enter__(self) -> Self:
        """Start listening."""
        self._entity.start_server(
            ("127.0.0.1", self._port),
            block=False,
            evt_handlers=[(evt.EVT_C_STORE, self._store)],
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        self._entity.shutdown()

    def _store(self, event: Any) -> int:
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        path = self._folder / f"{UID(dataset.SOPInstanceUID)}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        return 0x0000

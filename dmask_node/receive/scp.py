"""Storage and Verification SCP.

A C-STORE is answered Success only after `take_in` has returned: file, ledger row and audit record
are on disk then. No value of a data set gets into an exception or a log line.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from pynetdicom import AE, _config, evt
from pynetdicom.transport import ThreadedAssociationServer

from dmask_node.errors import DmaskError, Permanent
from dmask_node.receive.admission import (
    SUCCESS,
    CannotUnderstand,
    DataSetMismatch,
    is_kept,
    plain_ae_title,
    require_caller,
    require_room,
    require_supported,
    status_of,
)
from dmask_node.receive.contexts import (
    ACCEPTED,
    OTHER_SOP_CLASSES,
    read_classes,
    supported_contexts,
)
from dmask_node.receive.incoming import IncomingFile, receive_into
from dmask_node.receive.inspect import inspect
from dmask_node.receive.settings import ReceiveSettings
from dmask_node.records.arrivals import Arrival

_log: Final = logging.getLogger(__name__)

TakeIn = Callable[[Arrival], str]
"""Make an instance the node's own and return the key of its job, or raise."""

Refuse = Callable[[Arrival, DmaskError], str]
"""Keep a refused instance for a person to look at and return the key of its job."""

Tell = Callable[[str, str, dict[str, str | int]], None]
"""``tell(event, outcome, facts)``: note what happened on the network."""


class PortTaken(Permanent):
    """The address to listen on can't be had."""

    reason = "port_taken"
    hint = "Is another node running? Choose receive.host and receive.port of this machine."


class _Server(ThreadedAssociationServer):
    """Takes each connection in a thread of its own, with a deadline from the first byte on.

    A peer that connects and says nothing holds up nobody: the library's own server does what may
    block, a TLS handshake, where it accepts connections.
    """

    daemon_threads = True

    def get_request(self) -> tuple[Any, Any]:
        """Accept a connection, and nothing more."""
        assert self.socket is not None
        connection, address = self.socket.accept()
        connection.settimeout(self.ae.acse_timeout)
        return connection, address

    def handle_error(self, _request: Any, _client_address: Any) -> None:
        """Say that a connection failed; not how, for that may quote what it sent."""
        _log.warning("connection_failed")


class StorageScp:
    """Takes in what senders store.

    Parameters
    ----------
    settings : ReceiveSettings
        Who may send, and how much.
    incoming : Path
        Existing folder for the parts of objects, in the spool's file system.
    take_in : callable
        See `TakeIn`.
    refuse : callable
        See `Refuse`.
    tell : callable
        See `Tell`.
    free_bytes : callable
        Free disk space now.
    """

    def __init__(
        self,
        settings: ReceiveSettings,
        incoming: Path,
        take_in: TakeIn,
        refuse: Refuse,
        tell: Tell,
        free_bytes: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._incoming = incoming
        self._take_in = take_in
        self._refuse = refuse
        self._tell = tell
        self._free_bytes = free_bytes
        self._server: _Server | None = None

    @property
    def port(self) -> int:
        """The TCP port that it listens on."""
        assert self._server is not None
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Listen, in threads of its own.

        Raises
        ------
        PortTaken
            If the address can't be had.
        """
        _config.STORE_RECV_CHUNKED_DATASET = True
        _config.LOG_HANDLER_LEVEL = "none"  # the library's own handlers write data sets to its log
        settings = self._settings
        receive_into(
            self._incoming,
            lambda size: require_room(size, self._free_bytes(), settings),
            partial(require_supported, accepted=read_classes(settings)),
        )
        entity = AE(settings.ae_title)
        entity.supported_contexts = supported_contexts()
        entity.maximum_pdu_size = settings.maximum_pdu_bytes
        entity.maximum_associations = settings.maximum_associations
        entity.acse_timeout = settings.acse_timeout_s
        entity.dimse_timeout = settings.dimse_timeout_s
        entity.network_timeout = settings.network_timeout_s
        entity.require_called_aet = True
        entity.require_calling_aet = [] if settings.any_caller else list(settings.calling_ae_titles)
        try:
            server = entity.make_server(
                (settings.host, settings.port),
                evt_handlers=[
                    (evt.EVT_C_STORE, self._on_store),
                    (evt.EVT_C_ECHO, lambda _: SUCCESS),
                    (evt.EVT_REJECTED, self._on_rejected),
                    (evt.EVT_DIMSE_RECV, self._on_message),
                    (evt.EVT_CONN_CLOSE, self._on_closed),
                ],
                server_class=_Server,
            )
        except OSError as error:
            raise PortTaken(f"{settings.host}:{settings.port}: {error.strerror}") from None
        assert isinstance(server, _Server)
        entity._servers.append(server)  # noqa: SLF001 - shutdown takes it off this list
        threading.Thread(
            target=server.serve_forever,
            kwargs={"poll_interval": 0.1},
            name="storage-scp",
            daemon=True,
        ).start()
        self._server = server

    def stop(self) -> None:
        """Take no new association, let the running ones finish in time, and end."""
        server = self._server
        if server is None:
            return
        deadline = time.monotonic() + self._settings.drain_s
        running = server.active_associations
        server.shutdown()
        while time.monotonic() < deadline and any(a.is_alive() for a in running):
            time.sleep(0.05)
        for association in running:
            if association.is_alive():
                association.abort()

    # What the network says

    def _on_store(self, event: Any) -> int:
        """Answer one C-STORE request; never raises, for the library logs what is raised."""
        arrival: Arrival | None = None
        event.assoc.not_handed_over = None
        try:
            arrival = self._arrival(event)
            key = self._admit(arrival, event)
        except Exception as error:  # noqa: BLE001
            return self._answer(arrival, error)
        else:
            _log.info("received", extra={"job": key})
            return SUCCESS

    def _arrival(self, event: Any) -> Arrival:
        request = event.request
        if request._dataset_file is None:  # noqa: SLF001
            raise CannotUnderstand("the request has no data set")
        return Arrival(
            path=Path(request._dataset_file.name),  # noqa: SLF001
            sop_instance_uid=str(request.AffectedSOPInstanceUID),
            sop_class_uid=str(request.AffectedSOPClassUID),
            transfer_syntax_uid=str(event.context.transfer_syntax),
            calling_ae_title=plain_ae_title(event.assoc.requestor.ae_title),
        )

    def _admit(self, arrival: Arrival, event: Any) -> str:
        """Check what has come, and take it in."""
        file: IncomingFile = event.request._dataset_file  # noqa: SLF001
        file.close()
        if file.refused is not None:
            raise file.refused
        require_caller(arrival.calling_ae_title, self._settings)
        require_supported(arrival.sop_class_uid, ACCEPTED)
        if str(event.context.abstract_syntax) != arrival.sop_class_uid:
            raise DataSetMismatch("the request names another class than its presentation context")
        require_room(arrival.path.stat().st_size, self._free_bytes(), self._settings)
        inspect(arrival)
        return self._take_in(arrival)

    def _answer(self, arrival: Arrival | None, error: Exception) -> int:
        """Tell sender, journal and log that an object was not accepted."""
        status = status_of(error)
        reason = error.reason if isinstance(error, DmaskError) else DmaskError.reason
        name = type(error).__name__
        _log.warning(
            "not_accepted", extra={"reason": reason, "error": name, "dicom_status": status}
        )
        try:
            known = "" if arrival is None else _known(arrival.sop_class_uid)
            if (
                arrival is not None
                and isinstance(error, DmaskError)
                and is_kept(error, self._settings)
            ):
                self._refuse(replace(arrival, sop_class_uid=known or "?"), error)
            else:
                facts: dict[str, str | int] = {
                    "reason": reason,
                    "error": name,
                    "dicom_status": status,
                }
                if arrival is not None:
                    facts["calling_ae_title"] = arrival.calling_ae_title
                if known:
                    facts["sop_class_uid"] = known
                self._tell("not_accepted", "refused", facts)
        except Exception as second:  # noqa: BLE001
            _log.error("refusal_not_recorded", extra={"error": type(second).__name__})
        return status

    def _on_rejected(self, event: Any) -> None:
        """Note an association that was rejected: caller or called title unknown, or too many."""
        title = plain_ae_title(event.assoc.requestor.ae_title)
        _log.warning("association_rejected", extra={"calling_ae_title": title})
        try:
            self._tell("association_rejected", "refused", {"calling_ae_title": title})
        except Exception as error:  # noqa: BLE001
            _log.error("refusal_not_recorded", extra={"error": type(error).__name__})

    def _on_closed(self, event: Any) -> None:
        """Delete the part of an object whose sender went away, and what the library refused."""
        message = event.assoc.dimse.message
        part = getattr(message, "_data_set_file", None)
        for file in (part, getattr(event.assoc, "not_handed_over", None)):
            if isinstance(file, IncomingFile):
                file.close()
                Path(file.name).unlink(missing_ok=True)

    @staticmethod
    def _on_message(event: Any) -> None:
        """Remember a whole object until it is handed over; the library drops some by itself."""
        event.assoc.not_handed_over = getattr(event.message, "_data_set_file", None)


def _known(sop_class_uid: str) -> str:
    """Return a UID that names a storage SOP class; empty for any other text of a sender."""
    return sop_class_uid if sop_class_uid in ACCEPTED.keys() | OTHER_SOP_CLASSES else ""

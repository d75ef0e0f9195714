"""A node that kills itself, as by power cut, at a chosen point of taking an object in.

``crashing_node.py CONFIG [POINT]``; points: ``part``, ``renamed``, ``row``, ``record``. Without a
point it is an ordinary node with the quick worker.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from dmask_node import service
from dmask_node.config import load_settings
from dmask_node.receive import scp
from dmask_node.spool import files, store
from dmask_node.spool.ledger import Ledger


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_after(function: Any) -> Any:
    def wrapped(*arguments: Any, **options: Any) -> None:
        function(*arguments, **options)
        die()

    return wrapped


def main(config: str, point: str = "") -> None:
    if point == "part":
        vars(scp)["inspect"] = die  # all bytes have come; nothing was looked at
    elif point == "renamed":
        vars(store)["move_durably"] = die_after(files.move_durably)
    elif point == "row":
        Ledger.receive = die_after(Ledger.receive)  # type: ignore[method-assign]
    elif point == "record":  # within the transaction: the record is written, the row not yet
        receive = Ledger.receive

        def dying(self: Ledger, **options: Any) -> None:
            options["before_commit"] = die_after(options["before_commit"])
            receive(self, **options)

        Ledger.receive = dying  # type: ignore[method-assign]
    worker = Path(__file__).with_name("quick_worker.py")
    service.serve(load_settings(Path(config)), [sys.executable, str(worker)])


if __name__ == "__main__":
    main(*sys.argv[1:])

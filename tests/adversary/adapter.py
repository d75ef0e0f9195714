"""The one place that knows how the node is called from within."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dmask_node.audit.journal import Journal
from dmask_node.audit.listener import AuditListener
from dmask_node.config import load_settings
from dmask_node.parts import build_parts
from dmask_node.pipeline import Parts, mask_instance, write_companions
from tests.nodes import a_key


@dataclass(frozen=True, slots=True)
class Masker:
    """The pipeline in this process."""

    parts: Parts

    def mask(self, source: Path, out: Path, journal: Path) -> list[Path]:
        """Mask one object into a folder, which the node's own companions go to as well.

        Returns
        -------
        list of Path
            The DICOM objects that may leave.
        """
        listeners = [AuditListener(Journal(journal, "test"))]
        masked = mask_instance("job", source, out, self.parts, listeners)
        write_companions(masked, self.parts, out)
        return sorted(out.rglob("*.dcm"))


@contextmanager
def a_masker(state: Path) -> Iterator[Masker]:
    """Build the pipeline as a new node would, with a key of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DMASK_NODE__STATE_DIR", str(state))
        a_key(state)
        yield Masker(build_parts(load_settings(None)))

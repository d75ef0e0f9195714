"""The one place that knows how the node is called from within."""

import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

import pytest
from pydicom import Dataset

from dmask_node.audit.journal import Journal
from dmask_node.audit.listener import AuditListener
from dmask_node.check.outgoing import check_outgoing
from dmask_node.compose.video_sop import compose_video
from dmask_node.config import load_settings
from dmask_node.deidentify.audience import Audience
from dmask_node.deidentify.header import HeaderIncomplete
from dmask_node.deidentify.profile import Profile
from dmask_node.parts import build_parts
from dmask_node.pipeline import Parts, mask_instance, write_companions
from dmask_node.records.masked import EncodedVideo
from tests.nodes import a_key
from tests.outgoing import a_masked_study, clean

PROFILES: Final = {
    "bare": Profile(clean_descriptors=False),
    "rich": Profile.model_validate(
        {
            "study_descriptions": ["Ptosis clinic", {"regex": "face.*", "send": "Face"}],
            "series_descriptions": ["Upward gaze", {"regex": ".*eyes.*", "send": "Eyes"}],
            "retain_patient_characteristics": True,
            "modified_dates": True,
            "devices": [{"manufacturer": "ACME", "model": "FaceCam"}],
        }
    ),
}
"""The least that can be sent, and the most."""


@dataclass(frozen=True, slots=True)
class Masker:
    """The pipeline in this process, for a receiver of each profile."""

    parts: Parts

    def mask(self, source: Path, out: Path, journal: Path) -> list[Path]:
        """Mask one object into a folder, which the node's own companions go to as well.

        Returns
        -------
        list of Path
            The DICOM objects that may leave: two for each profile.
        """
        listeners = [AuditListener(Journal(journal, "test"))]
        masked = mask_instance("job", source, out, self.parts, listeners)
        write_companions(masked, self.parts, out)
        return sorted(out.rglob("*.dcm"))


@contextmanager
def a_masker(state: Path, profiles: Iterable[str] = PROFILES) -> Iterator[Masker]:
    """Build the pipeline as a new node would, with a key of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DMASK_NODE__STATE_DIR", str(state))
        a_key(state)
        audiences = [
            Audience(label=name, profile_name=name, profile=PROFILES[name]) for name in profiles
        ]
        masker = Masker(build_parts(load_settings(None), audiences))
    # Not inside: other tests start nodes, which would take the state folder from the environment.
    yield masker


def compose_and_check(
    header: Dataset, encoded: EncodedVideo, folder: Path, profile: str
) -> dict[str, bytes]:
    """Compose video and report for a header, as the pipeline does; by the name of their list.

    None at all where the header lacks what names them.
    """
    try:
        cleaned = clean(header, profile=PROFILES[profile])
    except HeaderIncomplete:
        return {}
    study = a_masked_study(folder, cleaned, encoded=encoded)
    check_outgoing(study, header, cleaned)
    return {
        "video_photographic": study.image.path.read_bytes(),
        "enhanced_sr": study.report.path.read_bytes(),
    }


def compose_video_only(
    header: Dataset, encoded: EncodedVideo, folder: Path, profile: str
) -> bytes | None:
    """Compose the video alone, and ask no gate; None where the header lacks what names it."""
    try:
        cleaned = clean(header, profile=PROFILES[profile])
    except HeaderIncomplete:
        return None
    return compose_video(encoded, cleaned, folder / "video.dcm").path.read_bytes()


def allowed_keywords(name: str) -> tuple[set[str], set[str]]:
    """Read an allow-list: what may stand at the top, and what in items."""
    file = resources.files("dmask_node").joinpath("data", "allowed", f"{name}.toml")
    listed = tomllib.loads(file.read_text(encoding="utf-8"))
    inner = {keyword for rules in listed["items"].values() for keyword in rules}
    return set(listed["attributes"]), inner | {
        "CodeValue", "CodingSchemeDesignator", "CodeMeaning",
    }  # fmt: skip

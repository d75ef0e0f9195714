"""Objects of one study: one patient, one epoch; for each audience its own names."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread

from dmask_node.config import Settings, load_keys
from dmask_node.deidentify.keys import create_key_file
from dmask_node.deidentify.origin import Origin
from dmask_node.parts import build_parts
from dmask_node.pipeline import mask_instance
from dmask_node.records.arrivals import Arrival
from dmask_node.records.gated import MaskedInstance
from dmask_node.spool.ledger import IdentityConflict
from dmask_node.spool.store import Spool
from tests.e2e.camera import pictures_of
from tests.factories import H264_41, VIDEO_PHOTOGRAPHIC, a_header, a_video_instance

STUDY = "1.2.826.0.1.3680043.8.498.1"


class Site:
    """A state folder, a ledger in it, and real masking of very short clips."""

    def __init__(self, folder: Path, carphone: Path) -> None:
        self.folder = folder
        self.pictures = pictures_of(carphone)[:4]
        self.key_file = folder / "master.key"
        create_key_file(self.key_file)
        self.settings = self.configured()
        digest = load_keys(self.settings).keyed_digest
        self.spool = Spool(folder / "state", digest, lambda *_: None)

    def configured(self, **more: Any) -> Settings:
        deidentify = {"key_file": self.key_file, **more.pop("deidentify", {})}
        values = {"node": {"state_dir": self.folder / "state"}, "deidentify": deidentify, **more}
        return Settings(**values)

    def receive(self, name: str, **attributes: Any) -> str:
        header = a_header(StudyInstanceUID=STUDY, **attributes)
        path = a_video_instance(
            self.folder / f"{name}.dcm", header=header, frames=self.pictures, rows=144, columns=176
        )
        arrival = Arrival(
            path=path,
            sop_instance_uid=str(header.SOPInstanceUID),
            sop_class_uid=VIDEO_PHOTOGRAPHIC,
            transfer_syntax_uid=H264_41,
            calling_ae_title=name.upper(),
        )
        return self.spool.take_in(arrival)

    def mask(self, key: str, settings: Settings | None = None) -> MaskedInstance:
        ledger = self.spool.ledger
        job = ledger.claim(key, "worker")
        assert job is not None
        origin = Origin(calling_ae_title=job.calling_ae_title, pin=partial(ledger.pin_study, key))
        out = self.spool.work_folder(key)
        parts = build_parts(settings or self.settings)
        return mask_instance(key, self.spool.original(key), out, parts, [], origin)


@pytest.fixture
def site(tmp_path: Path, carphone: Path) -> Site:
    return Site(tmp_path, carphone)


def read(masked: MaskedInstance) -> list[Dataset]:
    return [
        dcmread(gated.path, stop_before_pixels=True)
        for study in masked.studies
        for gated in study.objects
    ]


def test_a_second_patient_in_a_study_is_not_masked(site: Site) -> None:
    first, second = site.receive("a", PatientID="4711"), site.receive("b", PatientID="4712")
    site.mask(first)
    with pytest.raises(IdentityConflict) as conflict:
        site.mask(second)
    assert "471" not in str(conflict.value)


def test_a_study_on_its_way_is_not_split_by_a_new_epoch(site: Site) -> None:
    first, second = (site.receive(name, PatientID="4711") for name in ("a", "b"))
    before = read(site.mask(first))
    after = read(site.mask(second, site.configured(deidentify={"epoch": "2"})))
    assert {d.StudyInstanceUID for d in before} == {d.StudyInstanceUID for d in after}
    assert {d.PatientID for d in before} == {d.PatientID for d in after}


def test_a_camera_that_names_no_issuer_gets_its_hospitals(site: Site) -> None:
    issuers = {"A": "Hospital North", "B": "HOSPITAL NORTH "}
    settings = site.configured(deidentify={"issuers_of_patient_id": issuers})
    first, second = (site.receive(name, PatientID="4711") for name in ("a", "b"))
    named = read(site.mask(first, settings)) + read(site.mask(second, settings))
    assert len({d.PatientID for d in named}) == 1
    other = site.receive("c", PatientID="4711")  # this one numbers its patients by itself
    with pytest.raises(IdentityConflict):
        site.mask(other, settings)


def test_two_destinations_can_not_join_what_they_get(site: Site) -> None:
    destinations = [{"name": "archive"}, {"name": "research"}, {"name": "copy", "label": "archive"}]
    settings = site.configured(forward={"destinations": destinations})
    masked = site.mask(site.receive("a", PatientID="4711"), settings)
    assert [study.audience for study in masked.studies] == ["default@archive", "default@research"]
    archive, research = read(masked)[:2], read(masked)[2:]
    for keyword in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        here, there = ({d[keyword].value for d in sent} for sent in (archive, research))
        assert not here & there
    told = [{str(e.value) for e in d.iterall() if e.VR == "UI"} for d in (archive[0], research[0])]
    assert all(uid.startswith("1.2.840.10008.") for uid in told[0] & told[1])

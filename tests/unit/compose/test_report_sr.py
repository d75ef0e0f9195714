"""The report: deterministic, without dates of its own, every code in the dictionary."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from highdicom.sr import CodedConcept
from pydicom import Dataset, dcmread
from pydicom.sr._concepts_dict import concepts

from dmask_node.check.grammar import load
from dmask_node.compose import codes
from dmask_node.geometry.eyeball import IRIS_DIAMETER_MM
from dmask_node.models.store import digests
from dmask_node.records.anatomy import Eye
from tests.factories import a_header
from tests.outgoing import a_masked_study, clean, some_measurements


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    header = clean(a_header())
    one = a_masked_study(tmp_path, header).report.path.read_bytes()
    other = a_masked_study(tmp_path, header).report.path.read_bytes()
    assert one == other


def test_the_only_date_is_the_dummy(tmp_path: Path) -> None:
    study = a_masked_study(tmp_path, clean(a_header(identity=True)))
    dates: set[tuple[str, str]] = set()

    def note(_: Dataset, element: object) -> None:
        if element.VR in ("DA", "DT", "TM") and element.value:  # type: ignore[attr-defined]
            dates.add((element.keyword, str(element.value)))  # type: ignore[attr-defined]

    dcmread(study.report.path).walk(note)
    assert dates == {("ContentDate", "19000101"), ("ContentTime", "000000")}


def test_an_object_without_pixels_claims_no_pixel_option(tmp_path: Path) -> None:
    header = clean(a_header(StudyDescription="Ptosis"))
    dataset = dcmread(a_masked_study(tmp_path, header).report.path)
    methods = [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence]
    assert methods == ["113100", "113105"]


def test_software_and_models_are_named_in_every_group(tmp_path: Path) -> None:
    models = {"networks/iris_landmark.onnx": load_digest("networks/iris_landmark.onnx")}
    study = a_masked_study(tmp_path, clean(a_header()), models=models)
    groups = dcmread(study.report.path).ContentSequence[-1].ContentSequence
    for group in groups:
        texts = [str(i.TextValue) for i in group.ContentSequence if i.ValueType == "TEXT"]
        name, digest = next(iter(models.items()))
        assert f"{name} sha256 {digest}" in texts
        assert "dmask_node" in texts


def load_digest(name: str) -> str:
    return digests()[name]


def test_tracking_uids_stay_with_the_report_and_differ_by_group(tmp_path: Path) -> None:
    def tracked(sop_instance_uid: str) -> list[str]:
        header = clean(a_header(SOPInstanceUID=sop_instance_uid))
        dataset = dcmread(a_masked_study(tmp_path, header).report.path)
        return [
            str(item.UID)
            for group in dataset.ContentSequence[-1].ContentSequence
            for item in group.ContentSequence
            if item.ValueType == "UIDREF"
        ]

    one, same, other = tracked("1.2.3"), tracked("1.2.3"), tracked("1.2.4")
    assert one == same
    assert len(set(one)) == 5
    assert not set(one) & set(other)


def test_a_clip_without_any_measurement_still_makes_a_report(tmp_path: Path) -> None:
    nothing = replace(
        some_measurements(left_measured=False),
        right=replace(some_measurements(left_measured=False).left, eye=Eye.RIGHT),
        frames_total=0,
        frames_with_face=0,
        iris_diameter_px=None,
    )
    study = a_masked_study(tmp_path, clean(a_header()), measurements=nothing)
    names = [
        item.ConceptNameCodeSequence[0].CodeValue
        for group in dcmread(study.report.path).ContentSequence[-1].ContentSequence
        for item in group.ContentSequence
        if item.ValueType == "NUM"
    ]
    assert sorted(set(names)) == ["DM1904", "DM1905", "DM1906", "DM1907"]


def test_the_code_names_and_the_list_of_the_last_gate_agree() -> None:
    listed = {name: meaning for group in load("codes").values() for name, meaning in group.items()}
    named = [value for value in vars(codes).values() if isinstance(value, CodedConcept)]
    named += codes.METHODS.values()
    assert len(named) > 40
    for concept in named:
        assert listed[f"{concept.value} {concept.scheme_designator}"] == concept.meaning


def test_the_method_names_the_ruler_that_is_used() -> None:
    assert codes.BY_IRIS.meaning == f"By iris diameter of {IRIS_DIAMETER_MM} mm"


def test_every_meaning_of_a_dicom_code_is_that_of_the_standard() -> None:
    dictionary: Any = concepts
    official: dict[str, set[str]] = {}
    for scheme in ("DCM", "SCT"):
        for variants in dictionary[scheme].values():
            for value, (meaning, _) in variants.items():
                plain = re.sub(r" \([a-z ]+\)$", "", meaning).lower()
                official.setdefault(f"{value} {scheme}", set()).add(plain)
    ours = {name: text for group in load("codes").values() for name, text in group.items()}
    public = {name: text for name, text in ours.items() if name.endswith((" DCM", " SCT"))}
    assert len(public) > 45
    for name, meaning in public.items():
        assert meaning.lower() in official[name], name

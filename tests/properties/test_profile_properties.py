"""Whatever a header holds and a profile says, each value that leaves is inside its grammar."""

import re
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataelem import RawDataElement
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

from dmask_node.deidentify.additions import check_profile
from dmask_node.deidentify.audience import Audience
from dmask_node.deidentify.dates import moved
from dmask_node.deidentify.header import clean_header
from dmask_node.deidentify.keys import MasterKey
from dmask_node.deidentify.patterns import PatternUnreadable, matches
from dmask_node.deidentify.profile import Profile
from dmask_node.deidentify.settings import DeidentifySettings
from dmask_node.deidentify.terms import match
from dmask_node.records.masked import CleanHeader, Codes, WholeNumbers, Words
from tests.outgoing import KEY, MODELS, PIXELS

RECEIVED = date(2026, 11, 1)
YEAR, TEN_YEARS = timedelta(days=366), timedelta(days=3652)
ALL = Profile.model_validate(
    {
        "study_descriptions": ["Ptosis", {"regex": "lid.*", "send": "Lids"}],
        "series_descriptions": ["Ptosis", {"regex": r"\d+ .*", "send": "Numbered"}],
        "retain_patient_characteristics": True,
        "modified_dates": True,
        "devices": [{"manufacturer": "Acme", "model": "Cam"}, {"manufacturer": "A", "model": "B"}],
        "extra_keep": [
            {"attribute": "ProtocolName", "vocabulary": ["Ptosis", "Lids"]},
            {"attribute": "RequestingService", "classes": ["report"], "vocabulary": ["Eyes"]},
            {"attribute": "PatientPosition", "enum": ["HFS", "FFS"]},
            {"attribute": "AcquisitionNumber", "integer": [1, 500]},
            {
                "attribute": "ProcedureCodeSequence",
                "codes": [{"value": "S1", "scheme": "99X", "meaning": "One"}],
            },
        ],
    }
)
LIKELY = {
    "StudyDescription": ("LO", b"PTOSIS "),
    "SeriesDescription": ("LO", b"12 Kowalski"),
    "PatientSex": ("CS", b"F "),
    "PatientAge": ("AS", b"093Y"),
    "Manufacturer": ("LO", b"ACME"),
    "ManufacturerModelName": ("LO", b"Cam "),
    "StudyDate": ("DA", b"20260110"),
    "StudyTime": ("TM", b"101507"),
    "ContentDate": ("DA", b"20260111"),
    "ContentTime": ("TM", b"101508.5"),
    "PatientID": ("LO", b"7"),
    "ProtocolName": ("LO", b"lids"),
    "RequestingService": ("LO", b"EYES"),
    "PatientPosition": ("CS", b"HFS "),
    "AcquisitionNumber": ("IS", b"400 "),
    "ImageLaterality": ("CS", b"R "),
    "Laterality": ("CS", b"L "),
    "BodyPartExamined": ("CS", b"EYE "),
    "SpecificCharacterSet": ("CS", b"ISO_IR 192"),
    "AccessionNumber": ("SH", b"A1"),
}
TAGS = st.one_of(
    st.sampled_from([int(Tag(keyword)) for keyword in LIKELY]),
    st.sampled_from(sorted(t for t, (vr, *_) in DicomDictionary.items() if 8 <= t >> 16 < 0x5000)),
    st.integers(0x00090001, 0x0011FFFF),
)
VALUES = st.one_of(
    st.sampled_from(sorted({value for _, value in LIKELY.values()})),
    st.sampled_from(
        [b"lid left", b"CAM", b"A", b"B", b"m", b"19440514", b"20260110 ", b"1015", b"00010101",
         b"20991231", b"4", b"308912", b"FACE", b""]
    ),
    st.binary(max_size=40),
    st.text(max_size=20).map(str.encode),
)  # fmt: skip
VRS = st.sampled_from(
    ["AE", "AS", "CS", "DA", "DS", "DT", "FD", "IS", "LO", "LT", "OB", "PN", "SH", "SQ", "TM", "UI",
     "UN", "US", "UT"]
)  # fmt: skip


@st.composite
def headers(draw: st.DrawFn) -> Dataset:
    """A header with its UIDs, and anything under anything."""
    header = Dataset()

    def put(tag: BaseTag, vr: str, value: bytes) -> None:
        header[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)

    for keyword in draw(st.sets(st.sampled_from(sorted(LIKELY)))):
        put(Tag(keyword), *LIKELY[keyword])
    for number in draw(st.lists(TAGS, max_size=12, unique=True)):
        put(Tag(number), draw(VRS), draw(VALUES))
    if draw(st.booleans()):
        items = []
        for _ in range(draw(st.integers(0, 2))):
            item = Dataset()
            item.CodeValue = draw(st.sampled_from(["S1", "S2"]))
            item.CodingSchemeDesignator = draw(st.sampled_from(["99X", "SCT"]))
            item.CodeMeaning = "KOWALSKI"
            items.append(item)
        header.ProcedureCodeSequence = Sequence(items)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(header, keyword, "1.2.3")
    return header


def cleaned(header: Dataset, *, label: str = "a", profile: Profile = ALL) -> CleanHeader:
    return clean_header(
        header,
        PIXELS,
        MasterKey(KEY).keys("1", label),
        DeidentifySettings(),
        Audience(label=label, profile_name="p", profile=profile),
        models_digest=MODELS,
        received=RECEIVED,
    )


FORMS = {
    "patient_sex": r"[MFO]?",
    "patient_age": r"(?:0[0-8][0-9]Y|090Y)?",
    "laterality": r"[RLB]?",
    "study_description": r"Ptosis|Lids|Facial photography \(masked\)",
    "series_description": r"(?:Ptosis|Numbered)?",
    **{f"{of}_date": r"(?:(?:19[89]|20[012])[0-9]{5})?" for of in ("study", "content", "report")},
    **{f"{of}_time": r"(?:[0-9]{6})?" for of in ("study", "content", "report")},
    "device_manufacturer": r"(?:Acme|A)?",
    "device_model": r"(?:Cam|B)?",
    "longitudinal_modified": r"REMOVED|MODIFIED",
    "body_part_examined": r"FACE|EYE",
    "accession_number": r"(?:[A-Z2-7]{16})?",
}


@settings(max_examples=300, deadline=None)
@given(header=headers())
def test_every_value_is_inside_its_grammar_and_every_option_declared(header: Dataset) -> None:
    assert check_profile(ALL) == ()
    clean = cleaned(header)
    for name, form in FORMS.items():
        assert re.fullmatch(form, getattr(clean, name)), name
    for kept in clean.kept:
        match kept.grammar:
            case Words(words):
                assert kept.value in words
            case WholeNumbers(least, most):
                assert least <= int(kept.value) <= most
            case Codes(codes):
                assert kept.value in [f"{code.value} {code.scheme}" for code in codes]
    dated = bool(clean.study_date or clean.content_date)
    for of in ("study", "content", "report"):
        assert getattr(clean, f"{of}_date") or not getattr(clean, f"{of}_time")
    assert bool(clean.report_date) is dated
    assert bool(clean.device_manufacturer) is bool(clean.device_model)
    assert (clean.longitudinal_modified == "MODIFIED") is dated
    for methods in (clean.method_codes, clean.report_method_codes):
        assert ("113107" in methods) is dated
        assert ("113108" in methods) is bool(clean.patient_sex or clean.patient_age)
        assert ("113109" in methods) is bool(clean.device_model)
        assert methods == tuple(sorted(set(methods)))
    assert set(clean.method_codes) <= ALL.options()
    assert not set(clean.report_method_codes) & {"113101", "113102"}
    assert set(clean.report_method_codes) <= set(clean.method_codes) | {"113105"}
    assert "KOWALSKI" not in repr(clean).upper()


@settings(max_examples=150, deadline=None)
@given(header=headers())
def test_a_bare_profile_sends_none_of_it(header: Dataset) -> None:
    clean = cleaned(header, profile=Profile(clean_descriptors=False))
    assert clean.method_codes == ("113100", "113101", "113102")
    assert clean.report_method_codes == ("113100",)
    names = ("sex", "age")
    assert not any(getattr(clean, f"patient_{name}") for name in names)
    assert not any(getattr(clean, name) for name in FORMS if name.endswith(("_date", "_time")))
    assert (clean.series_description, clean.device_model, clean.kept) == ("", "", ())


MOMENTS = st.datetimes(datetime(1990, 1, 2), datetime(2026, 11, 1)).map(
    lambda moment: moment.replace(microsecond=0)
)


def dated(moment: datetime, patient: str) -> Dataset:
    header = Dataset()
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(header, keyword, f"1.2.{moment:%Y%m%d%H%M%S}")
    header.PatientID = patient
    header.StudyDate, header.StudyTime = f"{moment:%Y%m%d}", f"{moment:%H%M%S}"
    return header


def sent_moment(moment: datetime, patient: str, label: str = "a") -> datetime:
    clean = cleaned(dated(moment, patient), label=label)
    return datetime.strptime(clean.study_date + clean.study_time, "%Y%m%d%H%M%S")


@settings(max_examples=100, deadline=None)
@given(one=MOMENTS, other=MOMENTS, patient=st.text("0123456789", min_size=1, max_size=8))
def test_intervals_of_a_patient_stay_and_no_date_is_near_the_true_one(
    one: datetime, other: datetime, patient: str
) -> None:
    clocks = {date(2000, 1, 1), date(2001, 1, 1)}
    assume(not {one.date(), other.date()} & clocks)
    sent = [sent_moment(moment, patient) for moment in (one, other)]
    assert sent[1] - sent[0] == other - one
    assert YEAR <= one - sent[0] <= TEN_YEARS


@settings(max_examples=50, deadline=None)
@given(moment=MOMENTS, patients=st.sets(st.text("0123456789", min_size=1), min_size=2, max_size=4))
def test_two_patients_or_labels_share_no_offset(moment: datetime, patients: set[str]) -> None:
    assume(moment.date() not in {date(2000, 1, 1), date(2001, 1, 1)})
    sent = {sent_moment(moment, patient, label) for patient in patients for label in ("a", "b")}
    assert len(sent) == 2 * len(patients)


@settings(max_examples=300, deadline=None)
@given(
    day=st.one_of(st.text(max_size=12), st.dates().map(lambda d: f"{d:%Y%m%d}"), st.none()),
    clock=st.one_of(st.text("0123456789:.", max_size=16), st.none()),
    offset=st.timedeltas(YEAR, TEN_YEARS).map(lambda t: t - timedelta(microseconds=t.microseconds)),
)
def test_anything_for_a_date_gives_a_date_or_nothing(
    day: str | None, clock: str | None, offset: timedelta
) -> None:
    sent = moved(day, clock, offset, RECEIVED)
    assert re.fullmatch(r"(?:[0-9]{8})?", sent.date)
    assert re.fullmatch(r"(?:[0-9]{6})?", sent.time)
    assert sent.date or not sent.time
    if sent.date:
        assert datetime.strptime(sent.date, "%Y%m%d").date() < RECEIVED - timedelta(days=364)


PIECES = st.sampled_from(
    ["a", "b", "ab", ".", r"\d", "[ab]", "[^b]", "(a|b)", "(ab|a)", "(a|aa)", "1"]
)
TIMES = st.sampled_from(["", "?", "*", "+", "{2}", "{1,2}", "{0,1}", "{2,}"])
PATTERNS = st.lists(st.tuples(PIECES, TIMES).map("".join), min_size=1, max_size=6).map("".join)


@settings(max_examples=400, deadline=None)
@given(pattern=PATTERNS, text=st.text("ab1", max_size=10))
def test_patterns_mean_what_regular_expressions_mean(pattern: str, text: str) -> None:
    assert matches(pattern, text) is (re.fullmatch(pattern, text) is not None)


@settings(max_examples=300, deadline=None)
@given(pattern=st.text(max_size=30), text=st.text(max_size=80))
def test_any_text_is_a_pattern_or_refused(pattern: str, text: str) -> None:
    with suppress(PatternUnreadable):
        assert matches(pattern, text) in (True, False)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=80))
def test_what_is_sent_for_any_text_is_a_word_of_the_site(text: str) -> None:
    terms: tuple[Any, ...] = ALL.study_descriptions
    assert match(terms, text) in (None, "Ptosis", "Lids")

"""Honest objects pass, whatever the patient is called and however a site counts its patients."""

import random
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from dmask_node.check.outgoing import check_outgoing
from dmask_node.records.masked import CleanHeader, MaskedStudy
from tests.factories import a_header
from tests.outgoing import a_masked_study, an_encoded_video, clean

NAMES = """
Face Masked Mask Mark May Art Iris Left Right Max Al Erin Will Rich Bill Rob Pat Jan April June
August Page Eye Brow Lid Video Mean Min Med Van Von De La El Li Ng Bo Wu Xu Yu Ma He Hu Lu Su An
Ba Ty Jo Bea Ana Eva Ida Ivo Ole Ulf Uwe Kim Lee Ray Roy Guy Ian Ira Sam Tom Tim Ted Ned Ben Dan Don
Ron Jon Jim Joe Jay Kay Fay Amy Ann Sue Liz Meg Peg Deb Barb Rose Lily Ivy Dawn Eve Joy Hope Faith
Grace Ruby Pearl Opal Amber Violet Hazel Olive Basil Rusty Sandy Rocky Cliff Dale Glen Heath Brook
River Lake Woods Fields Hill Stone Rock Sand Clay Marsh Moor Ford Bridge Church Abbey Temple King
Queen Prince Duke Earl Baron Knight Bishop Pope Abbott Monk Nunn Deacon Parsons Clark Smith Mason
Carpenter Baker Cook Butler Miller Taylor Weaver Fisher Hunter Archer Fletcher Bowman Shepherd
Farmer Gardener Porter Carter Wheeler Cooper Turner Potter Glover Skinner Tanner Tyler Thatcher
Sawyer Walker Rider Driver Singer Player Piper Harper Page Read Wright Reader Scriven Clerk Steward
Constable Marshall Sargent Major General Private Field Day Weekes Knight Winter Summers Spring
Snow Frost Rain Storm Gale Wind Cloud Sun Moon Star Starr Sky Green Brown Black White Gray Grey
Blue Redd Gold Silver Steel Irons Copper Coyne Cash Banks Price Marks Penny Pound Schilling Dollar
Long Short Little Small Large Biggs Strong Hardy Moody Wise Smart Bright Sharp Swift Quick Speed
Rush Power Force Waters Wells Poole Pond Brooks Rivers Banks Shore Beach Haven Harbour Porter
Smith Johnson Williams Jones Garcia Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson
Anderson Thomas Moore Jackson Martin Perez Thompson Harris Sanchez Ramirez Lewis Robinson Young
Allen Scott Torres Nguyen Flores Adams Nelson Baker Hall Rivera Campbell Mitchell Roberts Nowak
Kowalski Wiśniewski Wójcik Kamiński Lewandowski Zieliński Szymański Dąbrowski Müller Schmidt
Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch Bauer Richter Klein Wolf Schröder
Neumann Schwarz Zimmermann Braun Krüger Hartmann Lange Werner Krause Rossi Russo Ferrari Esposito
Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti Costa Dubois Durand Leroy Moreau Simon
Laurent Lefebvre Michel Bertrand Roux Vincent Fournier Morel Girard Ivanov Petrov Sidorov Kuznetsov
Иванов Петров Смирнов Кузнецов Попов 李 王 张 刘 陈 杨 赵 黄 周 吴 山田 佐藤 鈴木 高橋 田中 渡辺
김 이 박 최 정
Wang Zhang Liu Chen Yang Zhao Huang Zhou Sato Suzuki Takahashi Tanaka Watanabe Ito Yamamoto Kim
Silva Santos Oliveira Souza Lima Pereira Ferreira Costa Rodrigues Almeida Nascimento Alves Araujo
Rendering Surface Subject Device Number Blink Source Image Report Group Finding Laterality Method
Version Renderer Constant Container Contains Frame Frames Second Minute Percent Degree Model Maria
Anna Peter Paul Mary John James Robert Michael David Richard Joseph Charles Christopher Daniel
Matthew Anthony Donald Steven Andrew Joshua Kenneth Kevin Brian George Timothy Ronald Jason Edward
Jeffrey Ryan Jacob Nicholas Gary Eric Jonathan Stephen Larry Justin Brandon Benjamin Samuel Gregory
Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Sarah Karen Nancy Lisa Betty Sandra Ashley
"""
"""Names that people bear, many of them words, months, sites, colours, or our own words."""
WORDS = NAMES.split()
NUMBERS = [str(number) for number in range(1200)] + [
    "0001", "007", "00000001", "1500", "1501", "12345", "89545001", "121005", "126000", "111003",
    "1900", "2026", "20000101", "19000101", "000000", "113100", "80243003", "24028007", "999999",
]  # fmt: skip
PER_SOURCE = 200


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> tuple[MaskedStudy, CleanHeader]:
    folder = tmp_path_factory.mktemp("composed")
    times = tuple(index * 1001 / 30_000 for index in range(6))
    header = clean(a_header())
    encoded = an_encoded_video(folder / "m.mp4", times_s=times)
    return a_masked_study(folder, header, encoded=encoded), header


def received(source: Dataset) -> Dataset:
    file = BytesIO()
    source.ensure_file_meta()
    source.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    source.save_as(file, enforce_file_format=True)
    file.seek(0)
    return dcmread(file)


def batches(values: list[str]) -> Iterator[list[str]]:
    for at in range(0, len(values), PER_SOURCE):
        yield values[at : at + PER_SOURCE]


def test_there_are_names_enough() -> None:
    assert len(set(WORDS)) > 400


def test_nobody_is_held_back_for_a_name(composed: tuple[MaskedStudy, CleanHeader]) -> None:
    study, header = composed
    draw = random.Random(17)
    for names in batches(WORDS):
        source = a_header(SpecificCharacterSet="ISO_IR 192")
        people = []
        for name in names:
            person = Dataset()
            person.PatientName = f"{name}^{draw.choice(WORDS)}"
            person.ReferringPhysicianName = f"{draw.choice(WORDS)}^{name}^{draw.choice(WORDS)[0]}"
            person.PatientComments = f"{name} {draw.choice(WORDS)}"
            person.InstitutionName = name.upper()
            people.append(person)
        source.PatientName, source.StationName = f"{names[0]}^{names[1]}", names[2].lower()
        source.ReferencedPatientSequence = Sequence(people)
        check_outgoing(study, received(source), header)


def test_nobody_is_held_back_for_a_number(composed: tuple[MaskedStudy, CleanHeader]) -> None:
    study, header = composed
    for numbers in batches(NUMBERS):
        source = a_header(
            PatientID=numbers[0],
            OtherPatientIDs=numbers,
            AccessionNumber=numbers[1],
            StudyID=numbers[2],
            DeviceSerialNumber=numbers[3],
            ImageComments=", ".join(numbers),
        )
        source.private_block(0x0099, "ACME", create=True).add_new(1, "LO", numbers)
        check_outgoing(study, received(source), header)


def test_nobody_is_held_back_for_a_time_of_the_day(
    composed: tuple[MaskedStudy, CleanHeader],
) -> None:
    study, header = composed
    draw = random.Random(23)
    for _ in range(5):
        times = [f"{draw.randrange(86400):06d}" for _ in range(PER_SOURCE)]
        source = a_header(StudyTime=f"{draw.randrange(24):02d}0000", ImageComments=" ".join(times))
        check_outgoing(study, received(source), header)


def test_a_patient_who_is_called_like_a_keyed_name_begins_is_not_held_back(tmp_path: Path) -> None:
    """A pseudonym is sixteen letters by chance; some of them may be somebody's name."""
    encoded = an_encoded_video(tmp_path / "m.mp4")
    source = a_header()
    header = clean(source)
    study = a_masked_study(tmp_path, header, encoded=encoded)
    for length in range(2, 10):
        source.PatientName = f"{header.pseudonym[:length]}^{header.pseudonym[-length:]}"
        source.StationName = header.study_instance_uid[-length:]
        check_outgoing(study, received(source), header)

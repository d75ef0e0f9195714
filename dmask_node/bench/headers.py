"""Source headers to time with: made up, of a size that cameras write."""

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian

_VIDEO_PHOTOGRAPHIC = UID("1.2.840.10008.5.1.4.1.1.77.1.4.1")


def camera_header() -> Dataset:
    """Return a header of 74 elements, nested ones included, as a camera's gateway writes it."""
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = _VIDEO_PHOTOGRAPHIC
    header.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.4.5")
    values: dict[str, object] = {
        "SpecificCharacterSet": "ISO_IR 100",
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "SOPClassUID": _VIDEO_PHOTOGRAPHIC,
        "SOPInstanceUID": "1.2.3.4.5",
        "Modality": "XC",
        "Manufacturer": "Maker",
        "ManufacturerModelName": "Model",
        "StudyDescription": "Eyelid",
        "SeriesDescription": "Video",
        "PatientName": "Example^Person",
        "PatientID": "0000001",
        "IssuerOfPatientID": "Issuer",
        "PatientSex": "F",
        "PatientAge": "054Y",
        "StudyInstanceUID": "1.2.3.4",
        "SeriesInstanceUID": "1.2.3.4.1",
        "BodyPartExamined": "EYE",
        "Laterality": "R",
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "NumberOfFrames": 100,
        "FrameTime": 40.0,
        "Rows": 576,
        "Columns": 720,
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": "YBR_PARTIAL_420",
        "PlanarConfiguration": 0,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
        "LossyImageCompression": "01",
    }
    dates = ("Study", "Series", "Content", "Acquisition", "InstanceCreation")
    values |= {f"{which}Date": "20200101" for which in dates}
    values |= {f"{which}Time": "120000" for which in dates}
    texts = (
        "AccessionNumber StudyID InstitutionName InstitutionAddress StationName DeviceSerialNumber "
        "InstitutionalDepartmentName ProtocolName SoftwareVersions RequestingService "
        "AdmissionID PatientComments ImageComments RequestedProcedureDescription Occupation "
        "Allergies MedicalAlerts PatientState PatientAddress PatientTelephoneNumbers"
    )
    values |= dict.fromkeys(texts.split(), "text")
    people = (
        "ReferringPhysicianName PerformingPhysicianName OperatorsName NameOfPhysiciansReadingStudy "
        "RequestingPhysician PhysiciansOfRecord OtherPatientNames PatientMotherBirthName"
    )
    values |= dict.fromkeys(people.split(), "Example^Person")
    for keyword, value in values.items():
        setattr(header, keyword, value)
    header.RequestAttributesSequence = Sequence([_request()])
    return header


def nested_header(items: int) -> Dataset:
    """Return the same header with so many items of three elements beside it."""
    header = camera_header()
    header.ReferencedStudySequence = Sequence([_request() for _ in range(items)])
    return header


def _request() -> Dataset:
    item = Dataset()
    item.RequestedProcedureID = "1"
    item.ScheduledProcedureStepID = "2"
    item.ScheduledProcedureStepDescription = "text"
    return item

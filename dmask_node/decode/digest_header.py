"""A header for a video that comes without one: made from its digest, it names nobody."""

import hashlib

from pydicom.dataset import Dataset
from pydicom.uid import UID

VIDEO_PHOTOGRAPHIC: str = "1.2.840.10008.5.1.4.1.1.77.1.4.1"
"""Video Photographic Image Storage."""


def header_from_digest(sha256: str) -> Dataset:
    """Make up patient, study and series of a plain video file.

    Parameters
    ----------
    sha256 : str
        Hex digest of the file: the same file gives the same UIDs (PS3.5 B.2), another file others.

    Returns
    -------
    Dataset
        Video Photographic Image without pixels, patient or dates. Nothing in it tells the file's
        name, place or metadata.
    """
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 192"
    header.SOPClassUID = UID(VIDEO_PHOTOGRAPHIC)
    header.SOPInstanceUID = _uid(sha256, "instance")
    header.StudyInstanceUID = _uid(sha256, "study")
    header.SeriesInstanceUID = _uid(sha256, "series")
    header.Modality = "XC"
    header.PatientName = ""
    header.PatientID = ""
    header.PatientBirthDate = ""
    header.PatientSex = ""
    header.StudyDate = ""
    header.StudyTime = ""
    header.StudyID = ""
    header.AccessionNumber = ""
    header.ReferringPhysicianName = ""
    header.LossyImageCompression = "01"
    return header


def _uid(sha256: str, level: str) -> UID:
    digest = hashlib.sha256(f"{level}:{sha256}".encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:16], 'big')}")

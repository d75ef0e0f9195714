"""The masked photograph as a VL Photographic Image (PS3.3 A.32.4)."""

from pathlib import Path
from typing import Final

from pydicom import Dataset, Sequence
from pydicom.uid import ExplicitVRLittleEndian

from dmask_node.compose import codes
from dmask_node.compose.composer import (
    add_additions,
    add_body_part,
    add_patient_study_equipment,
    take_listed,
    write_object,
)
from dmask_node.compose.picture import read_picture
from dmask_node.records.masked import CleanHeader, EncodedPicture, MaskedObject, Role

VL_PHOTOGRAPHIC: Final = "1.2.840.10008.5.1.4.1.1.77.1.4"
ALLOWED: Final = "vl_photographic"
DERIVATION: Final = (
    "Face replaced by a constant 3D model with the eyes of the source; eyelid aperture and eye "
    "rotation are kept"
)
DERIVATION_OF_LOSSY: Final = DERIVATION + "; the source had been compressed with loss"


def compose_photograph(picture: EncodedPicture, header: CleanHeader, path: Path) -> MaskedObject:
    """Compose the masked photograph, uncompressed.

    Parameters
    ----------
    picture : EncodedPicture
        What was drawn; read back from its file.
    header : CleanHeader
        Keyed names and listed values.
    path : Path
        Where to; a file there is replaced.

    Returns
    -------
    MaskedObject
        The same arguments give the same bytes.

    Raises
    ------
    PictureNotWritten
        If the picture is not the one that was drawn.
    OSError
        If the disk is full or the picture is gone.

    References
    ----------
    PS3.3 A.32.4 (IOD), C.8.12.1 (VL Image), C.7.6.3 (Image Pixel), C.12.1 (SOP Common);
    PS3.5 8.1.1 (native pixel data) and 8.2 (an even number of bytes).
    """
    draft = Dataset()
    add_patient_study_equipment(draft, header, Role.PHOTOGRAPH)
    draft.SOPClassUID = VL_PHOTOGRAPHIC
    draft.Modality = "XC"
    draft.SeriesDescription = header.series_description or "Masked face photograph"
    draft.PatientOrientation = ""
    add_body_part(draft, header)
    _add_derivation(draft, header)
    _add_pixel_description(draft, picture)
    dataset = take_listed(draft, ALLOWED)
    add_additions(dataset, header, Role.PHOTOGRAPH)
    samples = read_picture(picture)
    dataset.PixelData = samples + b"\0" * (len(samples) % 2)
    dataset["PixelData"].VR = "OB"
    return write_object(
        dataset, Role.PHOTOGRAPH, VL_PHOTOGRAPHIC, str(ExplicitVRLittleEndian), path
    )


def _add_derivation(draft: Dataset, header: CleanHeader) -> None:
    draft.ImageType = ["DERIVED", "PRIMARY"]
    draft.RecognizableVisualFeatures = "NO"
    draft.BurnedInAnnotation = "NO"
    draft.SyntheticData = "YES"
    draft.DerivationDescription = DERIVATION_OF_LOSSY if header.source_was_lossy else DERIVATION
    draft.DerivationCodeSequence = Sequence([codes.item(codes.SURFACE_RENDERING)])
    # PS3.3 C.7.6.1.1.5: never back to 00. What a source had lost may show in where the lid is.
    draft.LossyImageCompression = "01" if header.source_was_lossy else "00"


def _add_pixel_description(draft: Dataset, picture: EncodedPicture) -> None:
    draft.SamplesPerPixel = 3
    draft.PhotometricInterpretation = "RGB"
    draft.PlanarConfiguration = 0
    draft.Rows = picture.rows
    draft.Columns = picture.columns
    draft.BitsAllocated = 8
    draft.BitsStored = 8
    draft.HighBit = 7
    draft.PixelRepresentation = 0

"""Why an object can't be decoded."""

from dmask_node.errors import Permanent, Transient


class NotDicom(Permanent):
    """The file is neither DICOM Part 10 nor a video."""

    reason = "not_dicom"
    hint = "Send DICOM objects, or give a video file (MP4, MOV, AVI, MKV, MPEG)."


class NoPixelData(Permanent):
    """The object holds no pictures."""

    reason = "no_pixel_data"
    hint = "Reports, waveforms and encapsulated documents can't be masked; send images."


class KindNotMasked(Permanent):
    """The object is of a SOP class that is never masked."""

    reason = "kind_not_masked"
    hint = "The node masks videos and photographs; send other objects straight to the PACS."


class MirroredPicture(Permanent):
    """The file says of itself that it must be mirrored to be seen as it was."""

    reason = "mirrored_picture"
    hint = "Its right and left would be exchanged. Save the picture anew as it is shown."


class Truncated(Permanent):
    """The object ends before its video does."""

    reason = "truncated_video"
    hint = "The sender wrote or sent it only in part; send it again from the original."


class Undecodable(Permanent):
    """The pictures can't be decoded, or not all of them."""

    reason = "undecodable"
    hint = "Play the original in a viewer; where it stops or smears, the file is damaged."


class UnsupportedTransferSyntax(Permanent):
    """No decoder for this transfer syntax."""

    reason = "unsupported_transfer_syntax"
    hint = "Have the sender offer H.264, HEVC, MPEG-2, JPEG, JPEG-LS, JPEG 2000, RLE or none."


class PictureTooLarge(Permanent):
    """The picture is larger than the settings allow."""

    reason = "picture_too_large"
    hint = "Raise decode.max_rows or max_columns if it is genuine."


class VideoTooLong(Permanent):
    """The video has more frames or lasts longer than the settings allow."""

    reason = "video_too_long"
    hint = "Raise decode.max_frames or max_duration_s, or cut the recording."


class TooMuchToDecode(Permanent):
    """The object would grow beyond what the settings allow, or claims what it can't hold."""

    reason = "too_much_to_decode"
    hint = "Raise decode.max_decompressed_gb, max_inflated_mb or max_header_mb if it is genuine."


class SourceUnreadable(Transient):
    """The file could not be read from disk."""

    reason = "source_unreadable"
    hint = "Look at the disk and at the permissions of the node's folders."

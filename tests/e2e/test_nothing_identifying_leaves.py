"""An identity is planted everywhere a recording can hold one; nobody finds it behind the node."""

from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest
from pydicom import dcmread

from tests.e2e.camera import a_recording
from tests.e2e.peers import Node, Orthanc
from tests.factories import PLANTED_MARKERS

pytestmark = pytest.mark.e2e


def _spellings(marker: bytes) -> Iterator[bytes]:
    yield marker
    yield marker.lower()
    yield marker[::-1]
    try:
        yield marker.decode("ascii").encode("utf-16-le")
        yield marker.hex().encode()
    except UnicodeDecodeError:
        pass


def _found_in(content: bytes, markers: list[bytes]) -> list[bytes]:
    return [m for m in markers if any(spelling in content for spelling in _spellings(m))]


def test_what_identifies_is_in_no_outgoing_byte_log_or_file_name(
    orthanc: Orthanc, make_node: Callable[..., Node], carphone: Path, tmp_path: Path
) -> None:
    node = make_node('[log]\nlevel = "debug"\n')
    recording = a_recording(tmp_path / "recording.dcm", carphone, seconds=2, identity=True)
    source = dcmread(recording, stop_before_pixels=True)
    uids = [
        str(source.SOPInstanceUID).encode(),
        str(source.StudyInstanceUID).encode(),
        str(source.SeriesInstanceUID).encode(),
    ]
    markers = [*PLANTED_MARKERS, *uids]
    planted = [m for m in markers if m in recording.read_bytes()]
    assert len(planted) >= len(markers) - 1, "the recording does not hold what was planted"
    with av.open(str(recording.with_suffix(".mp4"))) as container:
        assert container.streams.audio, "the recording has no voice"

    assert node.storescu(recording).returncode == 0
    node.wait_for_states("forwarded")
    stored = orthanc.wait_for(2)

    for instance in stored:
        assert _found_in(orthanc.file(instance["ID"]), markers) == []
    (video,) = [i for i in stored if "NumberOfFrames" in orthanc.tags(i["ID"])]
    payload = tmp_path / "payload.mp4"
    payload.write_bytes(orthanc.payload(video["ID"]))
    with av.open(str(payload)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert dict(container.metadata).keys() <= {
            "major_brand",
            "minor_version",
            "compatible_brands",
        }

    assert _found_in(node.log().encode(), markers) == []
    names = "\n".join(str(p.relative_to(node.folder)) for p in node.folder.rglob("*"))
    assert _found_in(names.encode(), markers) == []
    # Beside the original itself, no file of the node's may hold any of it.
    for file in node.state.rglob("*"):
        if file.is_file() and file.suffix != ".dcm":
            assert _found_in(file.read_bytes(), markers) == [], file.relative_to(node.state)
    for command in (["jobs"], ["jobs", "--json"], ["doctor"]):
        assert _found_in(node.dmask(*command).stdout.encode(), markers) == []


def test_a_refused_recording_is_as_silent(
    orthanc: Orthanc, make_node: Callable[..., Node], tmp_path: Path
) -> None:
    """Errors are where values slip into messages: a faceless, marked recording is quarantined."""
    from tests.factories import a_video_instance

    node = make_node('[log]\nlevel = "debug"\n')
    recording = a_video_instance(tmp_path / "faceless.dcm", identity=True, n_frames=20)
    assert node.storescu(recording).returncode == 0
    (job,) = node.wait_for_states("quarantined")
    assert job["reason"] == "too_few_faces"
    assert orthanc.instances() == []
    assert _found_in(node.log().encode(), list(PLANTED_MARKERS)) == []
    for file in node.state.rglob("*"):
        if file.is_file() and file.suffix != ".dcm":
            assert _found_in(file.read_bytes(), list(PLANTED_MARKERS)) == []

"""A photograph goes in, a masked photograph and a report come out in the PACS."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from tests.e2e.peers import Node, Orthanc
from tests.stills import FACE, a_still

pytestmark = pytest.mark.e2e

DCIODVFY = Path(sys.executable).with_name("dciodvfy")
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
VL_PHOTOGRAPHIC = "1.2.840.10008.5.1.4.1.1.77.1.4"
ENHANCED_SR = "1.2.840.10008.5.1.4.1.1.88.22"


def test_a_jpeg_photograph_becomes_a_masked_photograph_and_a_report_in_the_pacs(
    orthanc: Orthanc, make_node: Callable[..., Node], tmp_path: Path
) -> None:
    node = make_node()
    photograph = a_still(tmp_path / "photograph.dcm", "RGB", JPEG_BASELINE)
    source = dcmread(photograph)
    source.PatientName, source.PatientID = "Kowalska^Wanda", "80010112345"
    source.save_as(photograph)
    sent = node.net.run(
        ["storescu", "-v", "-xy", "-aet", "STORESCU", "-aec", node.ae_title,
         "127.0.0.1", str(node.port), str(photograph)]
    )  # fmt: skip
    assert sent.returncode == 0, sent.stdout + sent.stderr

    orthanc.wait_for(2)
    node.wait_for_states("forwarded")
    stored = {}
    for instance in orthanc.instances():
        tags = orthanc.tags(instance["ID"])
        stored[tags["SOPClassUID"]] = (instance["ID"], tags)
    assert set(stored) == {VL_PHOTOGRAPHIC, ENHANCED_SR}

    image_id, image = stored[VL_PHOTOGRAPHIC]
    assert (image["Modality"], image["PhotometricInterpretation"]) == ("XC", "RGB")
    assert "NumberOfFrames" not in image
    assert image["PatientIdentityRemoved"] == "YES"
    rows, columns = int(image["Rows"]), int(image["Columns"])
    samples = orthanc.payload(image_id)
    assert len(samples) == rows * columns * 3
    picture = np.frombuffer(samples, np.uint8).reshape(rows, columns, 3)
    assert picture.std() > 10, "a face is on it"
    assert np.abs(picture[: FACE.shape[0], : FACE.shape[1]].astype(int) - FACE).mean() > 40

    report_id, report = stored[ENHANCED_SR]
    assert report["StudyInstanceUID"] == image["StudyInstanceUID"]
    assert image["SOPInstanceUID"].encode() in orthanc.file(report_id)
    for instance_id, _ in stored.values():
        content = orthanc.file(instance_id)
        for value in (source.SOPInstanceUID, source.PatientID, "Kowalska"):
            assert str(value).encode() not in content
        file = tmp_path / "stored.dcm"
        file.write_bytes(content)
        found = subprocess.run([DCIODVFY, file], capture_output=True, text=True, check=False)
        errors = [x for x in (found.stdout + found.stderr).splitlines() if x.startswith("Error")]
        assert errors == []

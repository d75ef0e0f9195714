"""The whole node against real peers: DCMTK as the camera, Orthanc as the PACS."""

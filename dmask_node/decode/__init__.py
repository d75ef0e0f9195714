"""DICOM pixel data, or a plain video file, to frames."""

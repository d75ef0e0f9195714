"""Masked frames to DICOM objects, each composed from nothing."""

"""Mask mesh to pixels."""

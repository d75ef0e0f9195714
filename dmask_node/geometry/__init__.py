"""Rotations, cameras, meshes and the morphable model."""

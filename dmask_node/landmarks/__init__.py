"""Facial landmarks per frame."""

"""Immutable records handed from room to room."""

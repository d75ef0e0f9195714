"""Rebuild the shipped networks and the face model from the packages they come from."""

"""Listeners: logs and progress."""

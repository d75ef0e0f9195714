"""Durable storage: nothing acknowledged is ever lost."""

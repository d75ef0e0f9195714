"""Append-only, hash-chained journal."""

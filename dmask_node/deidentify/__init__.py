"""What of a source header may pass, and under which keyed name."""

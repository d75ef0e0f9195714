"""The last gate: an independent look at the bytes that would leave."""

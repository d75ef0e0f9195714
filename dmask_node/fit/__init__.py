"""The morphable model fitted to the landmarks, and the gate where identity ends."""

"""What a clinician reads: eyelid aperture, eye rotation, blinks."""

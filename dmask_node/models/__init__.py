"""The networks and the face model that ship with the package."""

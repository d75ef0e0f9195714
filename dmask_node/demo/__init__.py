"""The demonstration: a real video through the whole node, shown to a person."""

"""The durable workflow: which step comes next, whatever dies."""

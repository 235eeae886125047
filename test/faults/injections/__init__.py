"""The faults, one kind a file."""

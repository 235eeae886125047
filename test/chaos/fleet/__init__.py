"""The distributed form under test: its processes, the servers under them, traffic, and what the stores hold."""

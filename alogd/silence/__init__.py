"""Beside the windows: what should have come and did not, and the alerts of it."""

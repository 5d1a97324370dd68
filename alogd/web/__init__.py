"""The HTTP face of the daemon: metrics, health, API."""

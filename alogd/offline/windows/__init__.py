"""Rows in, the daemon's windows and sessions out, and what its quick detector says of them."""

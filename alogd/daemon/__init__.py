"""The async shell around the core.

`plans` says what is to run, `pipeline` moves blocks from collectors through the core's thread (`jobs`, `runner`) to the
state, `view` shows how things are, and `daemon` starts and stops it all.
"""

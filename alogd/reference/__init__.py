"""Slow and plain Python twins of the engine: what the C code must equal, and the fallback where there is no compiler."""

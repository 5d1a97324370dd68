"""Slow and plain Python twins of the engine: what the C code must equal.

They are also the fallback where there is no compiler.
"""

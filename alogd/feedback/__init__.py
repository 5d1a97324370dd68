"""What people said: silences, `expected` and `real`, acknowledgements, and the configuration's maintenance windows.

Only `protected` reaches the core, for what is real is never learned; the rest is asked when an alert is to be told.
"""

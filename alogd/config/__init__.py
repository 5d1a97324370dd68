"""The configuration, from text to a frozen tree.

nodes (YAML with its lines) -> scalar, units, decode (typed values) -> load (checked) -> tree. `schema` makes the JSON
Schema from the structs of `tree`.
"""

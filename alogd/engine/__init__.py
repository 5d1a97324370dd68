"""The engine as Python sees it: raw bytes of a source in, columns of records out.

`native` is the face of engine_c, told what to do by `settings` (of a stream: `of_stream`; their words: `names`). Users'
patterns become automata in `dfa`; what Drain learned is read and written by `drain_state` and `drain3_snapshot`.
"""

"""Labelled logs of any size, made by the demo's shop: `alog-detect gen-synth`."""

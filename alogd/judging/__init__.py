"""From windows to verdicts: detectors' scores, calibrated on the stream's own history, become anomaly and risk.

`judge` leads. It asks the detectors (`chosen_detectors`; heavy ones through `cascade`, while `waiting` keeps order),
turns scores into tail probabilities (`calibration`, `coverage`), says which windows are odd (`verdict`, `risk`), and
has the rest learned (`epoch`).
"""

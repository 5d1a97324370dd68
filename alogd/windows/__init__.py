"""Between the engine and the detectors: records are gathered into windows, and what is counted of each window."""

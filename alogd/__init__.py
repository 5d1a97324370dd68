"""alogd: a streaming log-anomaly daemon.

The flow: collectors -> engine -> windows -> detectors -> risk -> alerts -> sinks.
"""

__version__ = "0.1.0"

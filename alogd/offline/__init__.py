"""Logs at rest: rows -> windows -> verdicts -> reports, and the training of models (`alog-detect`, `alogd retrain`)."""

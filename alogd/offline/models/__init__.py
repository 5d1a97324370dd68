"""Logs in, a judged bundle of models out. Needs PyTorch (history.py and bundle.py do not)."""

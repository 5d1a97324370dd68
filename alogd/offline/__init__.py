"""Training and what belongs to it, done offline: needs PyTorch. The daemon imports none of it."""

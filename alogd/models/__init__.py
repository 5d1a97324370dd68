"""Trained models as the daemon takes them: bundle, vocabulary, whether one fits a stream, when another is promoted."""

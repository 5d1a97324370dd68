"""Verdicts in, pages and pictures for a person out."""

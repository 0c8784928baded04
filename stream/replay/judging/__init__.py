"""Judges a stretch of history: events and verdicts as columns, by baseline and candidate."""

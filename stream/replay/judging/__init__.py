"""A stretch of history judged: events and verdicts as columns, baseline and candidate side by side."""

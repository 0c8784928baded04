"""Sources of history: a bounded span of a topic, or files, with recorded verdicts."""

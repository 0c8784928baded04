"""Where history comes from: a bounded span of a topic, or files; recorded verdicts beside it."""

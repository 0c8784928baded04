"""Sentences of our own that probe a model: functional tests and identity terms."""

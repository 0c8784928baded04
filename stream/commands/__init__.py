"""One module per command.  Each imports what is heavy (torch, Kafka) inside its functions."""

"""Generated chat for the demo, for trying out and for load tests: the same seed gives the same chat."""

"""Generated chat, for the demo, for first steps and for load: the same seed gives the same chat."""

"""Results: counts that can be added, and the figures computed from them."""

"""What came of it: counts that add up, and the figures that follow from them."""

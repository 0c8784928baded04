"""The workshop: data, label maps, splits, training, and the recipe of the default bundle."""

"""The model workshop: data, label maps, splits, and the recipe of the default bundle."""

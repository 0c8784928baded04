"""The recipe of the default bundle, from the public sets to the weights that ship."""

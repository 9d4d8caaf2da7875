"""A maker's own recordings: a folder with a manifest and labels, scored like the product's own data."""

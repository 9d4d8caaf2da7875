"""A bundle learns from its user's own recordings."""

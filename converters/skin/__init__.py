"""Train the part that hears stress in skin and heart: ``python -m converters.skin``."""

"""Train the part that hears falls in the motion of a wrist: ``python -m converters.motion``."""

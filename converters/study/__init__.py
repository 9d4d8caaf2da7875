"""Attention fusion against the best single sense and against concatenation: ``python -m converters.study``."""

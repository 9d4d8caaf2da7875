"""Train the physiological part: QRS detector, beat classes, rhythm. ``python -m converters.physio``."""

"""Alarms on the spot: a sound and a light for when nobody listens at the broker."""

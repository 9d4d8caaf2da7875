"""A ``.tflite`` file as plain data, and what it costs to run."""

"""Train the int8 graphs of the vision front end; ``python -m converters.vision --help``."""

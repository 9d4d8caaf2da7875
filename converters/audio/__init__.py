"""Train the sound encoder ``audio.encoder`` and write it as a part: ``python -m converters.audio``."""

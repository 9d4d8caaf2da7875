"""The verbs of `edge-mm-convert`, one module each, cheap to import."""

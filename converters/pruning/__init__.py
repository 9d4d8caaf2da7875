"""Smaller models out of trained ones: channels removed with surgery, or single weights set to zero."""

"""A recording with what the product saw drawn over it: ``edge-mm replay --annotate``. See the README of this folder."""

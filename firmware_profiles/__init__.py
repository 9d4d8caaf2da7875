"""Data only: one TOML file per board, read by ``edge_mm.models.profile``."""

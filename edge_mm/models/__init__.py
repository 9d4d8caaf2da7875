"""What runs (bundles) and on what board (profiles). See README.md."""

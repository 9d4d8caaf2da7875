"""Samples become Observations and one fused Estimate per hop. See README.md."""

"""Train models again after the first training: fine-tune, distil, prepare for int8."""

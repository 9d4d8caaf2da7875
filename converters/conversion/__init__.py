"""From a trained model to a graph: float first, then int8 or dynamic range, then tried in each runtime."""

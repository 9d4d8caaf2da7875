"""Whether an int8 graph still does the work of its float graph: metrics, bootstrap, layers, latency, the gate."""

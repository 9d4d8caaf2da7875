"""The house around the monitor: configuration, threads, supervision, health, and what the verbs of the CLI do."""

"""The outside world, made into figures; each source a file, each with `read`."""

"""Issues: fit, publish, score and compare."""

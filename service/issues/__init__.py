"""Issues: fit, freeze, score and compare."""

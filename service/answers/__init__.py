"""One file for each question that a planner asks; all four faces get their numbers here."""

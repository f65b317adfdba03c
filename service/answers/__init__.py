"""Answers to planners' questions, one module each. All four faces get their numbers here."""

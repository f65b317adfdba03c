"""The weekly e-mail."""

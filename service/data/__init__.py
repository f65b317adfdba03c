"""The published figures and the weather: their sources, rules and store."""

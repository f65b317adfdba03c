"""Published figures and weather: sources, rules and storage."""

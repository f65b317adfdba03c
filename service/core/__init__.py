"""Settings, secrets, logs, time, and the database with its tables."""

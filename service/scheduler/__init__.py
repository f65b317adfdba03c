"""The scheduler: when jobs run, and the requests of the API."""

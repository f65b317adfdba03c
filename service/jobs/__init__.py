"""The jobs: plain functions, each also a command."""

"""Forecasters, one family per file, all with the methods ``fit`` and ``simulate``."""

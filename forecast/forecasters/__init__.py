"""One family of forecasters a file, all with the same two verbs: ``fit`` and ``simulate``."""

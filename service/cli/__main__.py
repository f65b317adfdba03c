"""``python -m service.cli``: the same command, for child processes."""

from service.cli import main

main()

"""``python -m service.cli``: the same command, for processes that start each other."""

from service.cli import main

main()

"""Runs as a child process: reads one job a line, does each in a fork, and says how it ended.

The imports are done once, so that a kill at a random moment falls into the work.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from importlib import import_module
from pathlib import Path


def say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main() -> None:
    from service.core.context import open_context
    from service.core.settings import Settings
    from service.data.ingest import ingest
    from service.issues import replay
    from service.scheduler import scheduler

    import_module("scoringrules")  # else each fork would load it

    replay.ORIGINS = 2
    logging.disable(logging.CRITICAL)
    say("ready")
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            context = open_context(Settings(**asked["settings"]))
            if "file" in asked:
                ingest(context, asked["source"], Path(asked["file"]))
            else:
                scheduler.run(context)
            os._exit(0)
        say(child)
        say(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    main()

"""Child process: runs the job of each input line in a fork, and waits for it.

All imports are done first, so that a kill at a random moment hits the work.
"""

import json
import logging
import os
import sys
from importlib import import_module
from pathlib import Path


def say(what):
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def work(settings, log="", source="", file=""):
    from service.core.context import open_context
    from service.core.settings import Settings
    from service.data.ingest import ingest
    from service.scheduler import scheduler

    if log:
        logging.basicConfig(filename=log)
    else:
        logging.disable(logging.CRITICAL)
    context = open_context(Settings(**settings))
    if file:
        ingest(context, source, Path(file))
    else:
        scheduler.run(context)


def main():
    from service.issues import hindcast
    from service.scheduler import scheduler

    import_module("scoringrules")  # otherwise each fork would import it

    hindcast.ORIGINS = 2
    scheduler._LOOK_SECONDS = 2  # tests wait for the next look after each kill
    say("ready")
    for line in sys.stdin:
        message = json.loads(line)
        if isinstance(message, int):
            say(os.waitpid(message, 0)[1])
            continue
        child = os.fork()
        if child == 0:
            work(**message)
            os._exit(0)
        say(child)


if __name__ == "__main__":
    main()

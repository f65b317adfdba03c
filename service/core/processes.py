"""Child processes that end with their parent, however it ends."""

__all__ = ["end_with_parent"]

import multiprocessing
import os
import threading
from collections.abc import Callable
from multiprocessing.connection import wait


def end_with_parent(end: Callable[[], object] = lambda: os._exit(1)) -> None:
    """Call `end` in this process, a child of `multiprocessing`, once its parent has ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        wait([parent.sentinel])
        end()

    threading.Thread(target=follow, name="parent", daemon=True).start()

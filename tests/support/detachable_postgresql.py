"""A PostgreSQL database that can become unreachable."""

from pathlib import Path

import sqlalchemy as sa

from service.core.database import connect


class DetachablePostgresql:
    """A real PostgreSQL whose socket can be removed and restored."""

    def __init__(self, url, folder):
        self._url = sa.make_url(url)
        self._there = Path(str(self._url.query["host"])) / ".s.PGSQL.5432"
        self._here = folder / self._there.name
        self._here.symlink_to(self._there)
        self.url = self._url.set(query={"host": str(folder)}).render_as_string(False)

    def go(self):
        self._here.unlink()
        direct = connect(self._url.render_as_string(False))
        with direct.writing() as connection:
            connection.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )
            )
        direct.close()

    def attach(self):
        self._here.symlink_to(self._there)

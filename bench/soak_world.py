"""The world of a soak: GOV.UK publishes day by day, breaks in every way it knows, and mends."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field

import numpy as np

from service.sources import figures
from tests.service.mailbox import Mailbox
from tests.support import ods, pages
from tests.support.sites import ODS, PAGE, PUBLICATION, Answer, Sites, publish, stalled

_API = f"/api/content{PUBLICATION}"
_SHARE = 0.5
_REFUSED_MAILS = 0.1


@dataclass
class World:
    """What is published, and what is broken; each trouble with the span in which it was there."""

    sites: Sites
    mailbox: Mailbox
    seed: int
    history_days: int
    troubles: list[tuple[str, dt.datetime, dt.datetime]] = field(default_factory=list)
    refused_mails: int = 0

    def __post_init__(self) -> None:
        """Read the figures, and let the mail server refuse some for now."""
        self._random, self._postman = random.Random(self.seed), random.Random(self.seed)
        read = figures.read()
        people, boats = read["people"], read["boats"]
        first = people.start.astype(dt.date)
        self._days = [
            (first + dt.timedelta(days=at), int(one), int(other))
            for at, (one, other) in enumerate(
                zip(np.asarray(people.values), np.asarray(boats.values), strict=True)
            )
        ]
        self._is_first = True
        self._workbook = b""
        self.mailbox.data = self._refuse

    def turn(self, now: dt.datetime) -> None:
        """Bring the sites to `now`: publish at 13:30, break at noon, mend some hours later."""
        clock = (now.hour, now.minute)
        if self._is_first or clock == (13, 30):
            self._publish(now)
        is_bad = not self.troubles or self._random.random() < _SHARE  # the first noon, at least
        if not self._is_first and clock == (12, 0) and is_bad:
            name = self._random.choice(sorted(self._ways()))
            hours = self._random.choice((3, 5, 20))
            self.troubles.append((name, now, now + dt.timedelta(hours=hours)))
        self._is_first = False
        self._publish_as_it_is(now)

    def is_troubled(self, moment: dt.datetime) -> bool:
        """Whether something was broken at that moment."""
        return any(begin <= moment < end for _, begin, end in self.troubles)

    def _publish(self, now: dt.datetime) -> None:
        """The figures up to yesterday on the page; on Fridays in a workbook too."""
        yesterday = now.date() - dt.timedelta(days=1)
        known = [day for day in self._days if day[0] <= yesterday][-self.history_days :]
        if not self._workbook or now.weekday() == 4:
            self._workbook = ods.workbook(known, f"{now:%Y-%m-%dT%H:%M:%SZ}")
            self._name = f"{yesterday:%-d_%B_%Y}_Small_boats_-_time_series.ods"
        rows = pages.week(known[-1][0], [(people, boats) for _, people, boats in known[-7:]])
        self._rows = rows
        self._page = pages.page(pages.table(rows), f"{now:%Y-%m-%dT%H:%M:%S+00:00}")

    def _publish_as_it_is(self, now: dt.datetime) -> None:
        path = publish(self.sites, self._workbook, self._page, self._name)
        for name, begin, end in self.troubles[-1:]:
            if begin <= now < end:
                for where, answer in self._ways()[name].items():
                    self.sites.replies[path if where == "workbook" else where] = answer

    def _ways(self) -> dict[str, dict[str, Answer]]:
        down = Answer(b"<h1>Sorry, there is a problem</h1>", status=503)
        gap = pages.page(pages.table([*self._rows[:3], *self._rows[4:]]))
        return {
            "everything is down": {_API: down, PUBLICATION: down, PAGE: down, "workbook": down},
            "the page stalls": {PAGE: Answer(behave=stalled)},
            "the page lacks a day": {PAGE: Answer(gap)},
            "the page is gone": {PAGE: Answer(b"<h1>Page not found</h1>", status=404)},
            "the workbook is cut short": {
                "workbook": Answer(self._workbook[: len(self._workbook) // 2], ODS)
            },
            "the workbook is a web page": {"workbook": Answer(b"<html>moved</html>", ODS)},
            "nobody links to the workbook": {_API: down, PUBLICATION: Answer(b"<p>Soon</p>")},
        }

    def _refuse(self, to: str) -> str | None:  # noqa: ARG002
        if self._postman.random() < _REFUSED_MAILS:
            self.refused_mails += 1
            return "451 4.3.2 try again later"
        return None

"""What lies outside: the sites that are read, and the mail server."""

from __future__ import annotations

__all__ = ["mail", "sources"]

import dataclasses
from collections.abc import Iterator

from service.digest.send import MailError, Session
from service.doctor.findings import FAIL, OK, WARN, Finding
from service.jobs.gather import fetcher
from service.settings import Settings
from service.sources import govuk, openmeteo
from service.sources.base import SourceError


def sources(settings: Settings) -> Iterator[Finding]:
    """Whether the sites that are configured answer, asked once each."""
    once = dataclasses.replace(fetcher(settings), attempts=1)
    if settings.source == "govuk":
        site = govuk.Site(settings.govuk_url.rstrip("/"), settings.govuk_assets_url.rstrip("/"))
        try:
            where = govuk.reach(once, site)
        except SourceError as error:
            remedy = "is it the network, a proxy, or CROSSINGS_GOVUK_URL? It is asked again later"
            yield Finding("GOV.UK", FAIL, str(error), remedy)
        else:
            yield Finding("GOV.UK", OK, f"{where} answers")
    else:
        yield Finding("GOV.UK", OK, "not read: CROSSINGS_SOURCE is figures")
    if settings.weather == "openmeteo":
        key = settings.weather_key.get_secret_value()
        try:
            told = openmeteo.coming(once, openmeteo.Service(settings.weather_url, key))
        except SourceError as error:
            remedy = "forecasts do without; is it the network, or CROSSINGS_WEATHER_KEY?"
            yield Finding("Open-Meteo", WARN, str(error), remedy)
        else:
            yield Finding("Open-Meteo", OK, f"answers, through {told.dates[-1]}")
    else:
        yield Finding("Open-Meteo", OK, "not read: CROSSINGS_WEATHER is off")


def mail(settings: Settings) -> Iterator[Finding]:
    """Whether the mail server lets us in; nothing is sent."""
    if not settings.smtp_host:
        yield Finding("mail", OK, "not sent: CROSSINGS_SMTP_HOST is empty")
        return
    try:
        with Session(settings) as session:
            session.greet()
    except MailError as error:
        yield Finding("mail", FAIL, str(error), "see the settings CROSSINGS_SMTP_*; mail waits")
        return
    who = " and lets us in" if settings.smtp_user else ", without a login"
    yield Finding("mail", OK, f"{settings.smtp_host}:{settings.smtp_port} answers{who}")

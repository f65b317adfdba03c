"""People and boats drawn together, so that one path has both."""

from __future__ import annotations

__all__ = ["BOATS", "PEOPLE", "SERIES", "Joint", "drawn_days", "fit", "generator", "leading"]

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forecast import serialize
from forecast.covariates import Covariates
from forecast.forecasters.base import Fitted, Forecaster, State, SupportsWeather
from forecast.paths import Paths
from forecast.people_per_boat import PeoplePerBoat
from forecast.series import DailySeries, Day

PEOPLE, BOATS = "people", "boats"
SERIES = (PEOPLE, BOATS)
"""What is forecast: the first leads, and the other follows from it."""

_AS_ASKED, _STEP = 400, 50


@dataclass(frozen=True, eq=False)
class Joint:
    """A forecaster fitted to the leading series, and what the others follow from.

    Attributes
    ----------
    series : str
        The leading series: ``people`` where it is there, and else the only one.
    occupancy : Occupancy | None
        People per boat, when boats are drawn too.
    """

    series: str
    fitted: Fitted
    occupancy: PeoplePerBoat | None

    @property
    def covered_days(self) -> int:
        """Days ahead for which weather was given; 0 for none."""
        return self.fitted.covered_days if isinstance(self.fitted, SupportsWeather) else 0

    def with_weather(self, seas: Mapping[int, str]) -> Joint:
        """The same, where days ahead, counted from 0, are calm, mixed or rough."""
        if not isinstance(self.fitted, SupportsWeather):
            return self
        return replace(self, fitted=self.fitted.with_weather(seas))

    def draw(self, horizon: int, n_paths: int, rng: np.random.Generator) -> dict[str, Paths]:
        """Draw joint paths of every series, each (n_paths, horizon); path k is one future.

        Those of a horizon begin as those of any other with the same `drawn_days`.
        """
        lead_rng, boats_rng = rng.spawn(2)
        paths = {self.series: self.fitted.simulate(drawn_days(horizon), n_paths, lead_rng)}
        if self.occupancy is not None:
            paths[BOATS] = self.occupancy.boats(paths[PEOPLE], boats_rng)
        if drawn_days(horizon) == horizon:
            return paths
        return {series_id: drawn.upto(horizon) for series_id, drawn in paths.items()}

    def to_state(self) -> State:
        """JSON-ready values, and arrays."""
        lead, arrays = serialize.dump(self.fitted)
        values: dict[str, Any] = {"series": self.series, "lead": lead, "occupancy": None}
        together = {f"lead/{name}": array for name, array in arrays.items()}
        if self.occupancy is not None:
            values["occupancy"], own = self.occupancy.to_state()
            together |= {f"occupancy/{name}": array for name, array in own.items()}
        return values, together

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, Any]) -> Joint:
        """Rebuild what `to_state` returned; its paths are the same bit for bit.

        Raises
        ------
        StateError
            If the state is not of this form.
        """
        try:
            lead = serialize.restore(values["lead"], serialize.under("lead", arrays))
            occupancy = values["occupancy"] and PeoplePerBoat.from_state(
                values["occupancy"], serialize.under("occupancy", arrays)
            )
            return cls(values["series"], lead, occupancy)
        except (KeyError, TypeError) as error:
            raise serialize.StateError(f"a joint state without {error}") from error


def fit(
    forecaster: Forecaster,
    figures: Mapping[str, DailySeries],
    covariates: Covariates | None = None,
) -> Joint:
    """Fit `forecaster` to the leading series of `figures`, and occupancy where there are boats.

    Raises
    ------
    FitError
        If the forecaster declines, or the boats cannot be told from the people.
    """
    lead = leading(figures)
    fitted = forecaster.fit(figures[lead], covariates)
    both = lead == PEOPLE and BOATS in figures
    occupancy = None
    if both:  # one day tells something of the boats, and no model may be lost for want of more
        occupancy = PeoplePerBoat.fit(figures[PEOPLE], figures[BOATS], fewest_days=1)
    return Joint(lead, fitted, occupancy)


def generator(seed: int, model: str, origin: Day) -> np.random.Generator:
    """Random generator of one model at one origin: the same whichever others run beside it."""
    day = int(origin.astype(np.int64)) % 2**32  # seeds are not negative, days before 1970 are
    return np.random.default_rng([seed, zlib.crc32(model.encode()), day])


def drawn_days(horizon: int) -> int:
    """Days that are drawn for a horizon: beyond `_AS_ASKED` days in steps.

    A forecast that reaches a day further than yesterday's, on the same figures, then says the
    same of the days that both have.
    """
    return horizon if horizon <= _AS_ASKED else -(-horizon // _STEP) * _STEP


def leading(figures: Mapping[str, DailySeries]) -> str:
    """Return ``people`` where it is among `figures`, and else the first of them."""
    return PEOPLE if PEOPLE in figures else next(iter(figures))

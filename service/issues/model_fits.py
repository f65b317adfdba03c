"""Fits for an issue: loaded from disk if stored, otherwise made and stored."""

__all__ = ["Fit", "Fits", "Inputs", "fit_all"]

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from forecast import joint
from forecast.forecasters.base import FitError
from forecast.joint import Joint
from forecast.paths import Paths
from forecast.series import DailySeries, Day
from forecast.specs import Spec, SpecError, reads_covariates
from service.core.clock import format_instant, utc_now
from service.core.files import RegistryError
from service.core.job_runner import JobError
from service.core.secrets import strip_folders
from service.core.settings import Settings
from service.core.timings import step
from service.data.covariates import Drivers
from service.data.observation_store import fingerprint
from service.issues import fitted_models
from service.issues.declared_models import best_by_role, declaration_hash, installed_packages
from service.issues.fit_task import FitTask, fit_within_limits
from service.issues.issue_store import MOST_HORIZON

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Inputs:
    """Inputs to the paths of an issue."""

    specs: Mapping[str, Spec]
    models: Sequence[str]  # to fit
    preferred: str  # the model to serve, if it can be fitted
    figures: Mapping[str, DailySeries]
    horizon: int  # days to forecast, beginning after those that wait for a figure
    n_paths: int
    seed: int
    weather: Drivers = Drivers("off", "")  # for the models that use it
    worse: Mapping[str, str] = field(default_factory=dict)  # why a model gets no weather
    waiting: int = 0  # days that have started but have no figure

    @property
    def leading(self) -> str:
        """The leading series."""
        return joint.leading(self.figures)

    @property
    def origin(self) -> Day:
        """Last day with figures."""
        return self.figures[self.leading].data_through

    @property
    def horizon_days(self) -> int:
        """Days to simulate after the figures."""
        return min(self.waiting + self.horizon, MOST_HORIZON)

    @cached_property
    def hash(self) -> str:
        """A hash of all inputs but the days that wait, whose number changes daily."""
        decides = {
            "figures": fingerprint(self.figures.values()),
            "champion": self.preferred,
            "models": {name: declaration_hash(name, self.specs) for name in self.models},
            "draw": [self.n_paths, self.horizon, self.seed],
        }
        if self.weather.covariates is not None:
            decides["weather"] = self.weather.fingerprint
            if self.worse:
                decides["without_weather"] = sorted(self.worse)
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Fit:
    """A successful fit, with its paths by series."""

    version: str
    fitted: Joint
    paths: dict[str, Paths]


@dataclass
class Fits:
    """Successful fits, and reasons for failures, by model."""

    inputs: Inputs
    successful: dict[str, Fit] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    with_weather: list[str] = field(default_factory=list)
    # Why a model that can use weather does without, to end a sentence: ``could not be fitted …``.
    without_weather: dict[str, str] = field(default_factory=dict)

    @property
    def champion(self) -> str:
        """The model to serve: the preferred one, otherwise the fitted one with the best role."""
        if self.inputs.preferred in self.successful:
            return self.inputs.preferred
        return best_by_role(self.inputs.specs[name] for name in self.successful).name

    @property
    def served(self) -> Fit:
        """The fit of the model to serve."""
        return self.successful[self.champion]

    @property
    def weather_note(self) -> dict[str, Any]:
        """Whether the model to serve used weather, and which."""
        used, unused = self.with_weather, self.without_weather
        return self.inputs.weather.note_for(self.champion, used, unused)


def fit_all(
    inputs: Inputs,
    settings: Settings,
    progress: Callable[[str], None] = lambda _: None,
    keeps: bool = True,
) -> Fits:
    """Fit the models of `inputs` and simulate; call `progress` before each fit, and with "" after.

    A model that fails is left out with its reason; if it fails with weather, it is retried without.
    Unless it `keeps` fits, none is loaded from disk or stored there.
    """
    fits, weather = Fits(inputs), inputs.weather.covariates
    for name in inputs.models:
        progress(name)
        task = FitTask(name, inputs.specs, inputs.figures)
        if weather is not None and reads_covariates(name, inputs.specs):
            reason = inputs.worse.get(name)
            if reason is None:
                failure = _add(fits, replace(task, covariates=weather), settings, keeps)
                if not failure:
                    fits.with_weather.append(name)
                    continue
                reason = f"could not be fitted with it ({failure})"
            fits.without_weather[name] = reason
        if failure := _add(fits, task, settings, keeps):
            fits.failures[name] = failure
            _log.warning("model %s is left out: %s", name, failure)
    progress("")
    return fits


def _add(fits: Fits, task: FitTask, settings: Settings, keeps: bool) -> str:
    """Add a model to the fits, or return the reason for its failure."""
    inputs = fits.inputs
    try:
        version, model = _load_or_fit(task, settings, keeps)
        rng = joint.generator(inputs.seed, task.name, inputs.origin)
        with step(f"draw {task.name}"):
            paths = model.draw(inputs.horizon_days, inputs.n_paths, rng)
    except (FitError, SpecError) as error:
        return str(error)
    except JobError:  # not the model's fault
        raise
    except Exception as error:  # must not affect the other models
        _log.exception("model %s failed", task.name)
        return strip_folders(f"{type(error).__name__}: {error}")
    fits.successful[task.name] = Fit(version, model, paths)
    return ""


def _load_or_fit(task: FitTask, settings: Settings, keeps: bool) -> tuple[str, Joint]:
    """Return the version and the fit, loaded from disk, or made and stored."""
    name, lead = task.name, joint.leading(task.figures)
    declaration = declaration_hash(name, task.specs)
    text = f"{declaration} {fingerprint(task.figures.values())}"
    if task.covariates is not None:
        text += f" {task.covariates.fingerprint}"
    training = hashlib.sha256(text.encode()).hexdigest()
    if not keeps:
        state = fit_within_limits(task, settings)
        return f"hindcast-{training[:10]}", Joint.from_state(*state)
    home = fitted_models.folder_of(settings.fitted_folder, lead, name)
    file = fitted_models.find(home, training)
    if file is not None:
        try:
            return file.stem, fitted_models.load(file)
        except RegistryError as error:
            _log.error("a fitted version is rejected and fitted again: %s", error)
            with suppress(OSError):  # on a read-only disk it is refused again
                file.unlink()
    metadata = {
        "model": name,
        "series": lead,
        "data_through": str(task.figures[lead].data_through),
        "fitted_at": format_instant(utc_now()),
        "training_hash": training,
        "declaration": declaration,
        "packages": installed_packages(),
        "spec": asdict(task.specs[name]),
    }
    state = fit_within_limits(task, settings)
    try:
        version = fitted_models.save(home, state, metadata)
    except OSError as error:
        # For example on a full disk: the fit is still used, and repeated next time.
        reason = f"{error.filename or home}: {error.strerror or error}"
        _log.error("the fit of %s could not be stored: %s", name, reason)
        version = f"unkept-{training[:10]}"
    return version, Joint.from_state(*state)

"""The fits of an issue: read from the disk where they are kept, and else made and kept."""

from __future__ import annotations

__all__ = ["Fit", "Fits", "Inputs", "fit_all"]

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from forecast import joint
from forecast.forecasters.base import FitError
from forecast.joint import Joint
from forecast.paths import Paths
from forecast.series import DailySeries, Day
from forecast.specs import Spec, SpecError, published, reads_covariates
from service.core.clock import instant, utc_now
from service.core.files import RegistryError
from service.core.job_runner import JobError
from service.core.secrets import without_folders
from service.core.settings import Settings
from service.core.timings import step
from service.data.covariates import Drivers
from service.data.observation_store import fingerprint
from service.issues import fitted_models
from service.issues.family_code import declaration_hash, installed_packages
from service.issues.fit_task import Order, fit_order

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the paths of an issue are made of.

    Attributes
    ----------
    weather : Drivers
        What models that read the weather are given.
    horizon : int
        Days after the figures that are simulated.
    worse : mapping of model to str
        The models that are given no weather, and why.
    """

    specs: Mapping[str, Spec]
    figures: Mapping[str, DailySeries]
    weather: Drivers
    horizon: int
    n_paths: int
    seed: int
    worse: Mapping[str, str] = field(default_factory=dict)

    @property
    def leading(self) -> str:
        """The series that the others follow."""
        return joint.leading(self.figures)

    @property
    def origin(self) -> Day:
        """The last day with figures."""
        return self.figures[self.leading].data_through


@dataclass(frozen=True)
class Fit:
    """A model that stands: the name of its version, the fit itself, and its paths by series."""

    version: str
    fitted: Joint
    paths: dict[str, Paths]


@dataclass
class Fits:
    """What stands, and why the rest does not; both by model.

    Attributes
    ----------
    with_weather : list of str
        The models that were fitted with the weather.
    without_weather : dict of model to str
        Why one that reads the weather was fitted without what there is of it, as what it does
        with it: ``could not be fitted with it (…)``.
    unkept : list of str
        The models whose fit could not be written to the disk.
    remade : dict of model to str
        What was wrong with the fit on the disk of a model that was fitted again.
    """

    standing: dict[str, Fit] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    with_weather: list[str] = field(default_factory=list)
    without_weather: dict[str, str] = field(default_factory=dict)
    unkept: list[str] = field(default_factory=list)
    remade: dict[str, str] = field(default_factory=dict)


def fit_all(
    inputs: Inputs,
    settings: Settings,
    names: Sequence[str] = (),
    progress: Callable[[str], None] = lambda _: None,
    keeps: bool = True,
) -> Fits:
    """Fit every model that can be published, or those of `names`, and draw from it.

    One that fails at either is left out, and the reason kept; one that fails with the weather
    is tried again without.

    Parameters
    ----------
    keeps : bool
        Whether fits are read from the disk and kept there; if not, versions have no name.
    """
    fits, weather = Fits(), inputs.weather.covariates
    for name in names or published(inputs.specs):
        progress(name)
        order = Order(name, inputs.specs, inputs.figures)
        if weather is not None and reads_covariates(name, inputs.specs):
            reason = inputs.worse.get(name)
            if reason is None:
                failure = _add(fits, replace(order, covariates=weather), inputs, settings, keeps)
                if not failure:
                    fits.with_weather.append(name)
                    continue
                reason = f"could not be fitted with it ({failure})"
            fits.without_weather[name] = reason
        if failure := _add(fits, order, inputs, settings, keeps):
            fits.failures[name] = failure
            _log.warning("model %s is left out: %s", name, failure)
    return fits


def _add(fits: Fits, order: Order, inputs: Inputs, settings: Settings, keeps: bool) -> str:
    """Put a model among those that stand; or else return the reason why it does not."""
    try:
        if keeps:
            version, model = _kept(fits, order, settings)
        else:
            version, model = "", fit_order(order, settings).restore()
        rng = joint.generator(inputs.seed, order.name, inputs.origin)
        with step(f"draw {order.name}"):
            paths = model.draw(inputs.horizon, inputs.n_paths, rng)
    except (FitError, SpecError) as error:
        return str(error)
    except JobError:  # no model's defect
        raise
    except Exception as error:  # one model's defect must not cost the others their issue
        _log.exception("model %s failed", order.name)
        return without_folders(f"{type(error).__name__}: {error}")
    fits.standing[order.name] = Fit(version, model, paths)
    return ""


def _kept(fits: Fits, order: Order, settings: Settings) -> tuple[str, Joint]:
    """The version and the fit: from the disk, or made and written there."""
    name, lead = order.name, joint.leading(order.figures)
    home = fitted_models.home_of(settings.fitted_folder, lead, name)
    declaration = declaration_hash(name, order.specs)
    training = _training_hash(order, declaration)
    file = fitted_models.find(home, training)
    if file is not None:
        try:
            return file.stem, fitted_models.load(file)
        except RegistryError as error:
            _log.error("a fitted version is refused and made again: %s", error)
            fitted_models.set_aside(file)
            fits.remade[name] = without_folders(str(error))
    if fitted_models.newest_metadata(home).get("declaration", declaration) != declaration:
        _log.info("the declaration or the code of %s changed: it is fitted anew", name)
    now = instant(utc_now())
    fitting = fit_order(order, settings)
    metadata = {
        "model": name,
        "series": lead,
        "data_through": str(order.figures[lead].data_through),
        "fitted_at": now,
        "training_hash": training,
        "declaration": declaration,
        "seconds": fitting.seconds,
        "packages": installed_packages(),
        "spec": asdict(order.specs[name]),
        "warnings": fitting.warnings,
    }
    try:
        version = fitted_models.save(home, fitting.state, metadata)
    except OSError as error:
        # As on a full disk: the fit is good all the same, and made again next time.
        reason = f"{error.filename or home}: {error.strerror or error}"
        _log.error("the fit of %s could not be kept: %s", name, reason)
        fits.unkept.append(name)
        version = f"unkept-{training[:10]}"
    return version, fitting.restore()


def _training_hash(order: Order, declaration: str) -> str:
    """Hash of what decides a fit: the model, the figures, and the weather where it is given."""
    text = f"{declaration} {fingerprint(order.figures.values())}"
    if order.covariates is not None:
        text += f" {order.covariates.fingerprint}"
    return hashlib.sha256(text.encode()).hexdigest()

"""The fits of a refit: taken from the registry where they stand, and else made and kept."""

from __future__ import annotations

__all__ = ["Fit", "Fits", "declaration_hash", "fit_all"]

import functools
import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field
from importlib import metadata as packages

from forecast import joint
from forecast.covariates import Covariates
from forecast.forecasters.base import FitError
from forecast.joint import Joint
from forecast.paths import Paths
from forecast.series import DailySeries
from forecast.specs import FAMILIES, Spec, SpecError, closure, published, reads_covariates
from service.core.clock import instant, utc_now
from service.core.files import RegistryError
from service.core.job_runner import JobError
from service.core.secrets import without_folders
from service.core.settings import Settings
from service.core.timings import step
from service.data.covariates import Drivers
from service.data.observation_store import fingerprint
from service.issues.family_code import code_hash
from service.issues.fit_task import Order, fitted
from service.issues.fitted_models import (
    Metadata,
    Version,
    find,
    load,
    newest,
    prune,
    save,
    set_aside,
)

_PACKAGES = ("numpy", "scipy", "statsmodels", "prophet")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fit:
    """A model that stands: its version, the fit itself, and its paths of each series."""

    version: Version
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
    specs: Mapping[str, Spec],
    figures: Mapping[str, DailySeries],
    settings: Settings,
    horizon: int,
    progress: Callable[[str], None],
    weather: Drivers | None = None,
    worse: Mapping[str, str] | None = None,
    names: Sequence[str] = (),
    spared: Set[str] = frozenset(),
) -> Fits:
    """Load or fit every model of `specs`, or those of `names`, and draw from it.

    One that fails at either is left out, and the reason kept; one that fails with the weather
    is tried again without, and one of `worse` is given none. Versions of `spared` stay on the
    disk, however old they are.
    """
    fits = Fits()
    for name in names or published(specs):
        progress(name)
        weather_given = weather.covariates if weather and reads_covariates(name, specs) else None
        if weather_given is not None and worse and name in worse:
            fits.without_weather[name], weather_given = worse[name], None
        reason = _stand(fits, name, specs, figures, settings, horizon, weather_given, spared)
        if reason and weather_given is not None:
            fits.without_weather[name] = f"could not be fitted with it ({reason})"
            reason = _stand(fits, name, specs, figures, settings, horizon, None, spared)
        elif weather_given is not None:
            fits.with_weather.append(name)
        if reason:
            fits.failures[name] = reason
            _log.warning("model %s is left out: %s", name, reason)
    return fits


def _stand(
    fits: Fits,
    name: str,
    specs: Mapping[str, Spec],
    figures: Mapping[str, DailySeries],
    settings: Settings,
    horizon: int,
    covariates: Covariates | None,
    spared: Set[str],
) -> str:
    """Put a model among those that stand; or else the reason why it does not."""
    try:
        version, joint_fit, is_kept = _one(fits, name, specs, figures, settings, covariates, spared)
        rng = joint.generator(settings.seed, name, figures[joint.leading(figures)].data_through)
        with step(f"draw {name}"):
            paths = joint_fit.draw(horizon, settings.paths, rng)
    except (FitError, SpecError) as error:
        return str(error)
    except JobError:  # no model's defect
        raise
    except Exception as error:  # one model's defect must not cost the others their issue
        _log.exception("model %s failed", name)
        return without_folders(f"{type(error).__name__}: {error}")
    if not is_kept:
        fits.unkept.append(name)
    fits.standing[name] = Fit(version, joint_fit, paths)
    return ""


def _one(
    fits: Fits,
    name: str,
    specs: Mapping[str, Spec],
    figures: Mapping[str, DailySeries],
    settings: Settings,
    covariates: Covariates | None,
    spared: Set[str],
) -> tuple[Version, Joint, bool]:
    """The version, the fit, and whether it is on the disk."""
    root, training = settings.fitted_folder, _training_hash(name, specs, figures, covariates)
    version = find(root, name, training)
    if version is not None:
        try:
            return version, load(version), True
        except RegistryError as error:
            _log.error("a fitted version is refused and made again: %s", error)
            set_aside(version.folder)
            fits.remade[name] = without_folders(str(error))
    declaration = declaration_hash(name, specs)
    lead = joint.leading(figures)
    before = newest(root, name, lead)
    if before is not None and before.metadata.declaration != declaration:
        _log.info("the declaration or the code of %s changed: it is fitted anew", name)
    now = utc_now()
    joint_fit, fitting = fitted(Order(name, specs, figures, covariates), settings)
    metadata = Metadata(
        model=name,
        data_through=str(figures[joint_fit.series].data_through),
        as_of=instant(now),
        fitted_at=instant(now),
        training_hash=training,
        declaration=declaration,
        series=lead,
        seconds=fitting.seconds,
        packages=_installed(),
        spec=asdict(specs[name]),
        warnings=fitting.warnings,
    )
    try:
        version = save(root, joint_fit, metadata)
    except OSError as error:
        # As on a full disk: the fit is good all the same, and made again next time.
        reason = f"{error.filename or root}: {error.strerror or error}"
        _log.error("the fit of %s could not be kept: %s", name, reason)
        return Version(f"unkept-{training[:10]}", root, metadata), joint_fit, False
    prune(root, name, lead, settings.keep_versions, {version.name, *spared})
    return version, joint_fit, True


@functools.cache
def _installed() -> dict[str, str]:
    """The versions of the packages that decide a fit: a process keeps those it has loaded."""
    return {package: packages.version(package) for package in _PACKAGES}


def declaration_hash(name: str, specs: Mapping[str, Spec]) -> str:
    """Hash of a declaration, its members' and their code: equal hashes, the same model."""
    members = closure(name, specs)
    text = json.dumps(
        {
            "specs": [asdict(spec) for spec in members],
            "code": [code_hash(FAMILIES[spec.family].partition(":")[0]) for spec in members],
            "packages": list(_installed().values()),
        },
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _training_hash(
    name: str,
    specs: Mapping[str, Spec],
    figures: Mapping[str, DailySeries],
    covariates: Covariates | None,
) -> str:
    """Hash of what decides a fit: the model, the figures, and the weather where it is given."""
    text = f"{declaration_hash(name, specs)} {fingerprint(figures.values())}"
    if covariates is not None:
        text += f" {covariates.fingerprint}"
    return hashlib.sha256(text.encode()).hexdigest()

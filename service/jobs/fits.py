"""The fits of a refit: taken from the registry where they stand, and else made and kept."""

from __future__ import annotations

__all__ = ["Fit", "Fits", "declaration_hash", "fit_all"]

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata as packages

from forecast import joint
from forecast.forecasters.base import FitError
from forecast.joint import Joint
from forecast.paths import Paths
from forecast.series import DailySeries
from forecast.specs import Spec, SpecError, closure, published
from service.clock import instant, utc_now
from service.jobs.fitting import Order, fitted
from service.jobs.steps import step
from service.registry import Metadata, RegistryError, Version, find, load, prune, save
from service.settings import Settings
from service.store.observations import fingerprint

_PACKAGES = ("channel-crossings-forecast", "numpy", "scipy", "statsmodels", "prophet")
_UNKEPT = "unkept-"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fit:
    """A model that stands: its version, the fit itself, and its paths of each series."""

    version: Version
    fitted: Joint
    paths: dict[str, Paths]


@dataclass
class Fits:
    """What stands, why the rest does not, and what of the former could not be kept on disk."""

    standing: dict[str, Fit] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    unkept: list[str] = field(default_factory=list)


def fit_all(
    specs: Mapping[str, Spec],
    figures: Mapping[str, DailySeries],
    settings: Settings,
    progress: Callable[[str], None],
) -> Fits:
    """Load or fit every model of `specs` and draw from it.

    One that fails at either is left out, and the reason kept.
    """
    fits = Fits()
    origin = figures[joint.leading(figures)].data_through
    for name in published(specs):
        progress(name)
        try:
            version, found = _one(name, specs, figures, settings)
            rng = joint.generator(settings.seed, name, origin)
            with step(f"draw {name}"):
                drawn = found.draw(settings.horizon, settings.paths, rng)
            if version.name.startswith(_UNKEPT):
                fits.unkept.append(name)
            fits.standing[name] = Fit(version, found, drawn)
            continue
        except (FitError, SpecError) as error:
            fits.failures[name] = str(error)
        except Exception as error:  # one model's defect must not cost the others their issue
            fits.failures[name] = f"{type(error).__name__}: {error}"
            _log.exception("model %s failed", name)
        _log.warning("model %s is left out: %s", name, fits.failures[name])
    return fits


def _one(
    name: str, specs: Mapping[str, Spec], figures: Mapping[str, DailySeries], settings: Settings
) -> tuple[Version, Joint]:
    root, training = settings.fitted_folder, _training_hash(name, specs, figures)
    version = find(root, name, training)
    if version is not None:
        try:
            return version, load(version)
        except RegistryError as error:
            _log.error("a fitted version is refused and made again: %s", error)
    now = utc_now()
    found, fitting = fitted(Order(name, specs, figures), settings)
    metadata = Metadata(
        model=name,
        data_through=str(figures[found.series].data_through),
        as_of=instant(now),
        fitted_at=instant(now),
        training_hash=training,
        seconds=fitting.seconds,
        packages={package: packages.version(package) for package in _PACKAGES},
        spec=asdict(specs[name]),
        warnings=fitting.warnings,
    )
    try:
        version = save(root, found, metadata)
    except OSError as error:
        # As on a full disk: the fit is good all the same, and made again next time.
        reason = f"{error.filename or root}: {error.strerror or error}"
        _log.error("the fit of %s could not be kept: %s", name, reason)
        return Version(f"{_UNKEPT}{training[:10]}", root, metadata), found
    prune(root, name, settings.keep_versions, {version.name})
    return version, found


def declaration_hash(name: str, specs: Mapping[str, Spec]) -> str:
    """Hash of a declaration, its members' and the program: equal hashes, the same model."""
    text = json.dumps(
        {
            "specs": [asdict(spec) for spec in closure(name, specs)],
            "packages": [packages.version(package) for package in _PACKAGES],
        },
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _training_hash(name: str, specs: Mapping[str, Spec], figures: Mapping[str, DailySeries]) -> str:
    """Hash of what decides a fit: the model and the figures."""
    text = f"{declaration_hash(name, specs)} {fingerprint(figures.values())}"
    return hashlib.sha256(text.encode()).hexdigest()

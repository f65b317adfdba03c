"""The models on disk: those that are declared, and the fitted versions of them."""

__all__ = [
    "Aliases",
    "Metadata",
    "RegistryError",
    "Version",
    "declared",
    "find",
    "load",
    "named",
    "prune",
    "read_aliases",
    "save",
    "write_aliases",
]

from service.registry.aliases import Aliases, read_aliases, write_aliases
from service.registry.declared import declared
from service.registry.errors import RegistryError
from service.registry.versions import Metadata, Version, find, load, named, prune, save

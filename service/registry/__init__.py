"""The models on disk: those that are declared, and the fitted versions of them."""

__all__ = [
    "Aliases",
    "Metadata",
    "RegistryError",
    "Version",
    "code_hash",
    "declared",
    "find",
    "load",
    "named",
    "newest",
    "prune",
    "read_aliases",
    "save",
    "write_aliases",
]

from service.registry.aliases import Aliases, read_aliases, write_aliases
from service.registry.code import code_hash
from service.registry.declared import declared
from service.registry.errors import RegistryError
from service.registry.versions import Metadata, Version, find, load, named, newest, prune, save

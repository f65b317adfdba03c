"""What is wrong with a folder of models."""

from __future__ import annotations

__all__ = ["RegistryError"]


class RegistryError(RuntimeError):
    """A folder, a declaration or a fitted version that cannot be used as it stands."""

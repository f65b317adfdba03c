"""Whether everything that the service needs is there, and what to do where it is not."""

from __future__ import annotations

from service.doctor.examine import examine
from service.doctor.findings import Finding

__all__ = ["Finding", "examine"]

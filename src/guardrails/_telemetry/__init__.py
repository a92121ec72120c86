"""Record: one span and two measurements of each guarded call, through the OpenTelemetry API alone."""

from __future__ import annotations

from ._recorder import Telemetry

__all__ = ["Telemetry"]

"""Test doubles for code that uses a guard."""

from ._clock import VirtualClock

__all__ = ["VirtualClock"]

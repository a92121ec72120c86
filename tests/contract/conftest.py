"""Fixtures for tests that build many contracts."""

from __future__ import annotations

import pytest

from guardrails._contract import _compile


@pytest.fixture
def quick(monkeypatch):
    """Hold a contract against pandera for a moment only; tests of the holding itself take the full time."""
    for name in ("held", "one_row_held"):
        hold = getattr(_compile, name)
        monkeypatch.setattr(_compile, name, lambda *args, hold=hold: hold(*args[:-1], 0.005))


@pytest.fixture
def patient(monkeypatch):
    """All the time that holding a contract against pandera takes, however busy the machine is."""
    monkeypatch.setattr(_compile, "_HOLDING", 60.0)

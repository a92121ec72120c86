"""Fixtures for tests that build many contracts."""

from __future__ import annotations

import pytest

from guardrails._contract import _parity


@pytest.fixture
def quick(monkeypatch):
    """Hold a contract against pandera for a moment only; tests of the holding itself take the full time."""
    monkeypatch.setattr(_parity, "SECONDS", 0.005)

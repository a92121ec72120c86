"""Each test counts its calibrations alone, as in a process of its own."""

import sys

import pytest


@pytest.fixture(autouse=True)
def fresh_looks():
    """The count of looks at the same rows is per process, and tests calibrate the same rows again and again."""
    looks = sys.modules.get("guardrails._calibration._looks")
    if looks is not None:
        looks.forget()

"""Calibrate the sample service's profile, offline, once for each version of the model: `python calibrate.py`."""

import numpy as np
import pandas as pd
from digit_service import (
    HELD_OUT,
    PROFILE,
    contract,
    digits,
    is_distribution,
    model,
    request_of,
    scans,
    strangeness,
)

import guardrails as gr


def calibrate() -> gr.Profile:
    """Learn the profile from the held-out scans; the mobile scanner had not been delivered yet."""
    scanners = np.random.default_rng(1).choice(["lobby", "office"], len(HELD_OUT))
    requests = [request_of(row, scanner) for row, scanner in zip(HELD_OUT, scanners, strict=True)]
    return gr.calibrate_classifier(
        model.predict_proba(scans[HELD_OUT]),
        digits[HELD_OUT],
        classes=model.classes_,
        max_error=0.03,
        max_degraded_error=0.06,
        inputs=pd.DataFrame(requests),
        contract=contract,
        output=is_distribution,
        cohorts=scanners,
        novelty=0.01,
        novelty_score=strangeness,
        name="digit",
        created="2026-11-01",
    )


if __name__ == "__main__":
    calibrate().save(PROFILE)

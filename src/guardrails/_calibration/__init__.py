"""Calibration, offline: held-out predictions and truth become a profile; MAPIE computes its quantiles.

The only package that imports mapie, scikit-learn and scipy. Nothing here runs on the request path.
"""

from __future__ import annotations

from ._classifier import calibrate_classifier
from ._regressor import calibrate_regressor
from ._words import CalibrationWarning

__all__ = ["CalibrationWarning", "calibrate_classifier", "calibrate_regressor"]

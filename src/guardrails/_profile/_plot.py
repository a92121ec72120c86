"""A profile as a picture; the only importer of matplotlib."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from guardrails._errors import ConfigurationError

from ._inputs import Field

if TYPE_CHECKING:
    from ._profile import Profile


def plot(profile: Profile) -> Any:
    """Three panels: error against share answered with the certified points, coverage per cohort, sizes of sets or widths.

    Returns:
        A matplotlib figure, not registered with pyplot.

    Raises:
        ConfigurationError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        mend = "needs matplotlib: pip install 'inference-guardrails[plot]'"
        raise ConfigurationError(f"Profile.plot: {mend}; received no such package") from error
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    panels = figure.subplots(1, 3)
    _errors(panels[0], profile)
    _coverage(panels[1], profile)
    _sizes(panels[2], profile)
    figure.suptitle(f"{profile.name} {profile.model_version}".strip())
    return figure


def _errors(axes: Any, profile: Profile) -> None:
    if profile.curve is not None:
        total = profile.curve.n[-1]
        shares = [n / total for n in profile.curve.n]
        rates = [k / n for n, k in zip(profile.curve.n, profile.curve.k, strict=True)]
        axes.plot(shares, rates, color="0.4", label="observed on the calibration rows")
    for cohort, leaf in profile.branch.leaves():
        for certificate in (leaf.works, leaf.answered):
            if certificate is not None:
                name = f"{certificate.name} {cohort}".strip()
                point = [certificate.acceptance_rate], [certificate.target]
                axes.plot(*point, "o", label=f"certified: {name}")
    axes.set(xlabel="share answered", ylabel="error of the answered", ylim=(0, None), xlim=(0, 1.02))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize="small")


def _coverage(axes: Any, profile: Profile) -> None:
    leaves = [("all", profile.leaf)]
    if profile.cohorts is not None:
        leaves += profile.cohorts.leaves()
    axes.barh([name for name, _ in leaves], [leaf.covered / leaf.n for _, leaf in leaves], color="0.7")
    axes.axvline(profile.coverage, color="black", linestyle="--", label="promised")
    axes.set(xlabel="coverage on the calibration rows", xlim=(0, 1))
    axes.legend(fontsize="small")


def _sizes(axes: Any, profile: Profile) -> None:
    field = profile.sizes
    if field is not None:
        names = bin_names(field)
        axes.bar(range(len(names)), field.counts, color="0.7")
        axes.set_xticks(range(len(names)), names, rotation=60, fontsize="x-small")
        axes.set(xlabel=str(field.name), ylabel="calibration rows")


def bin_names(field: Field) -> list[str]:
    """A name for each bin of a field."""
    if field.kind == "categories":
        return ["unseen", "missing", "rare", *(str(label) for label in field.labels)]
    ends = [f"{cut:.4g}" for cut in field.cuts]
    between = [f"{low} to {high}" for low, high in pairwise(ends)]
    return ["odd", "missing", "below", *between, "above"]

"""A profile as a picture; the only importer of matplotlib."""

from __future__ import annotations

from itertools import compress, pairwise
from typing import TYPE_CHECKING, Any, Final

from guardrails._errors import ConfigurationError

from ._inputs import Field
from ._records import Certificate, Leaf, counted

if TYPE_CHECKING:
    from ._profile import Profile

_COLOURS: Final = {"max_error": "tab:blue", "max_degraded_error": "tab:orange"}
_GREY, _DARK = "0.75", "0.35"
_NAMED = 6  # more cohorts than these are points without names
_BARS = 8  # what fits into the height of a panel
_FAR = 100.0  # ends whose ratio is larger are drawn on a logarithmic scale


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
    leaves = _leaves(profile)
    figure = Figure(figsize=(13, 4 + 0.25 * max(0, len(leaves) - _BARS)), layout="constrained")
    panels = figure.subplots(1, 3)
    _errors(panels[0], profile)
    _coverage(panels[1], profile, leaves)
    _sizes(panels[2], profile)
    figure.suptitle(f"{profile.name} {profile.model_version}".strip())
    return figure


def _leaves(profile: Profile) -> list[tuple[str, Leaf]]:
    cohorts = () if profile.cohorts is None else profile.cohorts.leaves()
    return [("all", profile.leaf), *cohorts]


def _errors(axes: Any, profile: Profile) -> None:
    axes.set(xlabel="share answered", ylabel="error of the answered", xlim=(0, 1.02))
    if profile.curve is not None:
        total = profile.curve.n[-1]
        rates = [k / n for n, k in zip(profile.curve.n, profile.curve.k, strict=True)]
        axes.plot([n / total for n in profile.curve.n], rates, color=_DARK, label="observed, all rows")
    found = [
        (cohort, each)
        for cohort, leaf in profile.branch.leaves()
        for each in (leaf.works, leaf.answered)
        if each is not None
    ]
    named = len(profile.branch.leaves()) <= _NAMED
    for cohort, each in found:
        _point(axes, each, cohort if named else "")
    _legend(axes, profile, {each.name for _, each in found})


def _point(axes: Any, certificate: Certificate, cohort: str) -> None:
    """What is certified, and down to what was observed in the accepted rows."""
    share, colour = certificate.acceptance_rate, _COLOURS[certificate.name]
    axes.plot([share, share], [certificate.k / certificate.n, certificate.target], color=colour)
    axes.plot(share, certificate.target, "o", color=colour)
    axes.annotate(
        cohort,
        (share, certificate.target),
        (2, 5),
        textcoords="offset points",
        fontsize="x-small",
        rotation=45,
    )


def _legend(axes: Any, profile: Profile, names: set[str]) -> None:
    what = "exploratory" if profile.exploratory else "certified"
    for name, colour in _COLOURS.items():
        if name in names:
            axes.plot([], [], "o-", color=colour, label=f"{what}: {name}")
    if not axes.get_legend_handles_labels()[0]:
        axes.text(0.5, 0.5, "no error was measured", transform=axes.transAxes, ha="center", color=_DARK)
        return
    axes.set_ylim(0, None)
    axes.margins(y=0.15)
    axes.legend(fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)


def _coverage(axes: Any, profile: Profile, leaves: list[tuple[str, Leaf]]) -> None:
    names, shares = [name for name, _ in leaves], [leaf.covered / leaf.n for _, leaf in leaves]
    axes.barh(range(len(leaves)), shares, height=0.6, color=_GREY)
    for at, (_, leaf) in enumerate(leaves):
        told = f"{counted(leaf.n, 'row')}, quantile {leaf.quantile:.4g}"
        axes.text(0.02, at, told, va="center", fontsize="small")
    axes.axvline(profile.coverage, color="black", linestyle="--", label="promised")
    axes.set_yticks(range(len(leaves)), names)
    axes.set(xlabel="coverage on the calibration rows", xlim=(0, 1), ylim=(max(len(leaves), 3) - 0.5, -0.5))
    axes.legend(fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)


def _sizes(axes: Any, profile: Profile) -> None:
    field = profile.sizes
    if field is None:
        return
    if field.kind == "numbers":
        _density(axes, field)
        return
    names = bin_names(field)
    shown = [count > 0 for count in field.counts]
    order = sorted(zip(compress(names, shown), compress(field.counts, shown), strict=True), key=_size)
    axes.bar([name for name, _ in order], [count for _, count in order], width=0.6, color=_GREY)
    axes.set(xlabel=str(field.name), ylabel="calibration rows", xlim=(-1, max(len(order), 2)))


def _size(named: tuple[str, int]) -> tuple[bool, float, str]:
    try:
        return False, float(named[0]), named[0]
    except ValueError:
        return True, 0.0, named[0]


def _density(axes: Any, field: Field) -> None:
    """Quantile bins hold as many rows each: how narrow they are is what there is to see."""
    inside = field.counts[3:-1]  # neither odd, missing, below nor above
    heights = [count / (high - low) for count, (low, high) in zip(inside, pairwise(field.cuts), strict=True)]
    axes.stairs(heights, field.cuts, fill=True, color=_GREY)
    if field.cuts[0] > 0 and field.cuts[-1] > _FAR * field.cuts[0]:
        axes.set_xscale("log")
    axes.set(xlabel=str(field.name), ylabel="calibration rows per unit")


def bin_names(field: Field) -> list[str]:
    """A name for each bin of a field."""
    if field.kind == "categories":
        return ["unseen", "missing", "rare", *(_told(label) for label in field.labels)]
    ends = [f"{cut:.4g}" for cut in field.cuts]
    between = [f"{low} to {high}" for low, high in pairwise(ends)]
    return ["odd", "missing", "below", *between, "above"]


def _told(label: object) -> str:
    return f"{label:.4g}" if isinstance(label, float) else str(label)

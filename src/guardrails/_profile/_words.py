"""A profile in words, for a terminal."""

from __future__ import annotations

import textwrap
from html import escape
from typing import TYPE_CHECKING

from ._records import Certificate, Filters, Leaf, counted, percent

if TYPE_CHECKING:
    from ._branches import Branch
    from ._profile import Profile


def summary(profile: Profile) -> str:
    """What was learnt and what is promised, one fact a line."""
    rows = [*_identity(profile), *_measured(profile), *_promised(profile)]
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join(_filled(text, f"{name:<{width}}", " " * width) for name, text in rows)


def _filled(text: str, name: str, indent: str) -> str:
    """A paragraph that leaves no percent sign alone at the begin of a line."""
    kept = text.replace(" %", "\u00a0%")
    return textwrap.fill(kept, 110, initial_indent=name, subsequent_indent=indent).replace("\u00a0%", " %")


def html(profile: Profile) -> str:
    """The summary as a table, for a notebook."""
    rows = [*_identity(profile), *_measured(profile), *_promised(profile)]
    cells = "".join(
        f"<tr><th style='text-align:left;vertical-align:top'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(text)}</td></tr>"
        for name, text in rows
    )
    return f"<table>{cells}</table>"


def _identity(profile: Profile) -> list[tuple[str, str]]:
    version = f", version {profile.model_version}" if profile.model_version else ""
    owner = f", owner {profile.owner}" if profile.owner else ""
    libraries = ", ".join(f"{name} {number}" for name, number in sorted(profile.libraries.items()))
    rows = [("profile", f"{profile.name} ({profile.kind}{version}{owner})")]
    if profile.created:
        rows.append(("created", f"{profile.created} with {libraries}" if libraries else profile.created))
    return rows


def _measured(profile: Profile) -> list[tuple[str, str]]:
    rows = [("rows", _counts(profile)), ("filters", _filters(profile.filters))]
    if profile.benchmark is not None:
        what = (
            "errors"
            if profile.tolerance is None
            else f"answers further than {profile.tolerance:g} from the truth"
        )
        rows.append(("benchmark", f"{what}: {profile.benchmark.words()}"))
    rows += _novelty(profile)
    if profile.parity is not None:
        rows.append(("parity", profile.parity.words()))
    return rows


def _novelty(profile: Profile) -> list[tuple[str, str]]:
    if profile.novelty is not None:
        blind = [str(field.name) for field in profile.inputs if field.kind == "ignored"]
        rest = f"; fields it does not look at: {', '.join(blind)}" if blind and profile.novelty.single else ""
        return [("novelty", profile.novelty.words() + rest)]
    return [("novelty", f"off: {profile.novelty_reason}")] if profile.novelty_reason else []


def _counts(profile: Profile) -> str:
    parts = [f"{profile.leaf.n:,} used of {profile.rows:,} given"]
    if profile.filtered:
        parts.append(f"{profile.filtered:,} stopped by a filter")
    if profile.grouped:
        parts.append(f"{profile.grouped:,} left out as further rows of their group")
    if profile.fitted:
        parts.append(f"{profile.fitted:,} for novelty to be fitted on")
    if profile.novel:
        parts.append(f"{profile.novel:,} left out as novel")
    return "; ".join(parts)


def _filters(filters: Filters) -> str:
    if filters.contract is None:
        contract = "no contract"
    elif filters.replayed:
        contract = "contract replayed on the inputs"
    else:
        contract = "contract named, not replayed (no inputs were given)"
    output = "no output check" if filters.output is None else "output check replayed on the answers"
    rest = "" if filters.replayed else "; the rows count as already filtered by what was not replayed"
    return f"{contract}; {output}{rest}"


def _promised(profile: Profile) -> list[tuple[str, str]]:
    rows = [("coverage", _coverage(profile))]
    if profile.ranking != "probabilities":
        rows.append(("score", _SCORES[profile.ranking]))
    rows += _branch(profile.branch, profile)
    if profile.primary:
        rows.append(
            ("after", "the primary's `unanswerable`, " + (profile.unanswerable_reason or "certified apart:"))
        )
    if profile.unanswerable is not None:
        rows += _branch(profile.unanswerable, profile)
    branches = [profile.branch] + ([] if profile.unanswerable is None else [profile.unanswerable])
    if any(leaf.works or leaf.answered for branch in branches for _, leaf in branch.leaves()):
        looks = f" (delta was divided by looks={profile.looks})" if profile.looks > 1 else ""
        if profile.exploratory:
            rows.append(("exploratory", f"no answer becomes Works: {profile.exploratory}"))
        else:
            rows.append(
                ("together", f"all hold at once with probability {percent(1 - profile.delta)}{looks}")
            )
    return rows


def exploratory(profile: Profile) -> str:
    """Why certificates from so many looks are none."""
    return (
        f"this was calibration {profile.look} on the same rows, and looks={profile.looks} was declared; what is picked "
        f"from several looks better than it is. Calibrate with looks={profile.look}, or on other rows"
    )


_SCORES = {
    "confidence": "s = the confidence that comes with the answer",
    "constant": "none: intervals of constant width do not tell answers apart",
    "difficulty": "s = tolerance / the request's difficulty",
    "width": "s = tolerance / distance of the two quantile predictions",
}


def _branch(branch: Branch, profile: Profile) -> list[tuple[str, str]]:
    rows = []
    for cohort, leaf in branch.leaves():
        if cohort:
            rows.append(("cohort", f"{cohort}: {counted(leaf.n, 'row')}, quantile {leaf.quantile:.6g}"))
        rows += _leaf(leaf, profile)
    if branch.cohorts is not None and branch.cohorts.small:
        small = ", ".join(str(label) for label in branch.cohorts.small)
        rest = (
            "share the cohort rest"
            if branch.cohorts.rest
            else "are too few even together, and have no certificate"
        )
        rows.append(
            ("small", f"fewer than {counted(branch.cohorts.least, 'row')} each, they {rest}: {small}")
        )
    return rows


def _leaf(leaf: Leaf, profile: Profile) -> list[tuple[str, str]]:
    seen = "exploratory, not certified: " if profile.exploratory else ""
    rows = [("works", _certificate(leaf.works, leaf.works_reason, seen))]
    if leaf.degraded_asked or leaf.answered:
        rows.append(("degraded", _certificate(leaf.answered, leaf.answered_reason, seen)))
    if leaf.band_n:
        rows.append(("band", f"below the first threshold: {band(leaf)}"))
    return rows


def _coverage(profile: Profile) -> str:
    what = "sets" if profile.kind == "classifier" else "intervals"
    return (
        f"{percent(profile.coverage)} of the {what} hold the truth, over all calibrated traffic, not over the "
        f"answered part of it; quantile {profile.quantile:.6g}"
    )


def band(leaf: Leaf) -> str:
    """What was observed between the thresholds."""
    return f"{counted(leaf.band_k, 'error')} in {counted(leaf.band_n, 'calibration row')}, observed, not certified"


def _certificate(certificate: Certificate | None, reason: str, seen: str) -> str:
    return f"not certified: {reason}" if certificate is None else seen + certificate.words()

"""To look at: the table for a notebook, the picture, the histograms."""

import sys

import numpy as np
import pytest

import guardrails as gr
from guardrails._calibration import calibrate_classifier, calibrate_regressor
from guardrails._calibration._pictures import curve
from guardrails._profile._plot import bin_names


@pytest.fixture(scope="module")
def profile(draw):
    p, truth = draw(3000)
    return calibrate_classifier(
        p,
        truth,
        classes=range(3),
        max_error=0.05,
        max_degraded_error=0.15,
        name="<b>booking</b>",
        created="2026-11-01",
    )


def test_the_notebook_shows_the_summary_and_no_markup_of_the_names(profile):
    """Every fact of the summary, escaped."""
    html = profile._repr_html_()
    assert html.startswith("<table>")
    assert "&lt;b&gt;booking" in html
    assert "<b>booking" not in html
    assert profile.works.words().split(" are wrong")[0] in html.replace("&gt;", ">")


def test_the_curve_counts_errors_among_the_most_confident():
    """Nothing to rank by, no curve."""
    r = np.linspace(0, 1, 200)
    found = curve(r, r > 0.5)
    assert (found.n[-1], found.k[-1]) == (200, 100)
    assert found.k[found.n.index(100)] == 0
    assert curve(None, r > 0.5) is None
    assert curve(r, None) is None


def test_histograms_count_every_row(profile, draw_numbers):
    """Of the predictions, and of the sizes of the sets or the widths."""
    assert sum(profile.outputs.counts) == sum(profile.sizes.counts) == 3000
    assert set(profile.outputs.labels) == {0, 1, 2}
    assert 2700 <= profile.leaf.covered <= 2760
    number = calibrate_regressor(*draw_numbers(500), max_error=None, name="m")
    assert (sum(number.outputs.counts), number.outputs.kind) == (500, "numbers")
    assert len(bin_names(number.outputs)) == number.outputs.size
    assert gr.Profile.from_json(number.to_json()) == number


def test_a_list_of_numbers_is_one_line(profile):
    """A histogram is one fact of a diff."""
    line = next(line for line in profile.to_json().splitlines() if '"counts": [' in line)
    assert line.rstrip(",").endswith("]")


def test_the_picture(profile, draw, draw_numbers):
    """Three panels; the certified points are in the first."""
    pytest.importorskip("matplotlib")
    figure = profile.plot()
    names = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert names == [
        "observed, all rows",
        "certified: max_error",
        "certified: max_degraded_error",
    ]
    assert len(figure.axes) == 3
    p, truth = draw(4000)
    cohorts = np.repeat(["a", "b"], 2000)
    by_cohort = calibrate_classifier(p, truth, classes=range(3), max_error=0.1, cohorts=cohorts, name="m")
    assert len(by_cohort.plot().axes[1].patches) == 3
    assert {text.get_text() for text in by_cohort.plot().axes[0].texts} == {"a", "b"}


def test_the_picture_of_a_regressor(draw_numbers):
    """Widths that differ are a density, on a logarithmic scale where they are far apart; a constant one is one bar."""
    pytest.importorskip("matplotlib")
    said, truth = draw_numbers(500)
    constant = calibrate_regressor(said, truth, max_error=None, name="m").plot()
    assert [text.get_text() for text in constant.axes[0].texts] == ["no error was measured"]
    assert len(constant.axes[2].patches) == 1
    for spread, scale in ((1.0, "linear"), (9.0, "log")):
        hard = np.exp(spread * np.random.default_rng(0).random(500))
        drawn = calibrate_regressor(said, truth, max_error=None, difficulty=hard, name="m").plot()
        assert drawn.axes[2].get_xscale() == scale
        drawn.canvas.draw()


def test_what_is_exploratory_is_drawn_as_such(draw):
    """Its points are no certified ones."""
    from dataclasses import replace

    pytest.importorskip("matplotlib")
    p, truth = draw(2000)
    profile = calibrate_classifier(p, truth, classes=range(3), max_error=0.1, name="m")
    figure = replace(profile, look=2).plot()
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()][1:] == [
        "exploratory: max_error"
    ]


def test_without_matplotlib_the_mend_is_told(profile, monkeypatch):
    """The extra that brings it."""
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(gr.ConfigurationError, match=r"inference-guardrails\[plot\]"):
        profile.plot()

"""The page: escaped, complete, and in need of nothing else."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from guardrails._demo.charts import silent_wrong
from guardrails._demo.figures import figures
from guardrails._demo.markup import Markup, join, table, tag
from guardrails._demo.replay import Seen
from guardrails._demo.report import render

HOSTILE = '<script>alert("x")</script>&'
VOID = {"meta", "rect", "line", "circle", "path", "polyline", "br"}


class Page(HTMLParser):
    """Checks that every element is closed in order, and collects what matters."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.attributes = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self._note(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self._note(tag, attrs)

    def _note(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(played):
    return render(played)


def test_text_and_attributes_are_escaped():
    """Whatever a value holds, it stays text."""
    made = tag("p", HOSTILE, title=HOSTILE)
    assert "<script" not in made
    assert made.count("&lt;script&gt;") == 2
    assert '"x"' not in made


def test_markup_is_escaped_once():
    """What `tag` made is HTML already."""
    assert join(tag("b", "<"), "<") == "<b>&lt;</b>&lt;"
    assert isinstance(join("a"), Markup)


def test_a_table_has_headers_for_columns_and_rows():
    """For those who hear it read."""
    made = table("numbers", ["act", "n"], [[HOSTILE, 1200]])
    assert '<th scope="col">act</th>' in made
    assert '<th scope="row">&lt;script&gt;' in made
    assert "<caption>numbers</caption>" in made
    assert "<td>1,200</td>" in made


def test_a_side_that_answered_nothing_says_so():
    """It has no bar of zero length, which would look like perfection."""
    nothing = figures([Seen(None, None, 0.001)], 0.05)
    assert "none answered" in silent_wrong([(HOSTILE, nothing, nothing)])
    assert "<script" not in silent_wrong([(HOSTILE, nothing, nothing)])


def test_the_page_is_well_formed_and_its_ids_are_unique(page):
    """Every element is closed in order."""
    parsed = Page(page)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert parsed.tags.count("h1") == 1


def test_the_page_needs_nothing_from_elsewhere(page):
    """No script, no link, no image, no import, no address."""
    assert not {"script", "link", "img", "iframe", "object", "image", "use", "a"} & set(Page(page).tags)
    assert not re.search(r"https?:|//[a-z]|@import|src=|href=", page)
    assert set(re.findall(r"url\(([^)]*)\)", page)) == {"#hatch", "#cross", "#dots"}


def test_every_plot_has_a_title_and_a_description(page):
    """A picture that is not seen is read out; the label points at what exists."""
    parsed = Page(page)
    labels = [value for name, value in parsed.attributes if name == "aria-labelledby"]
    assert len(labels) == page.count("<figure>") == 5
    assert all(set(label.split()) <= set(parsed.ids) for label in labels)


def test_the_page_names_the_source_of_the_data(page):
    """As the licence asks."""
    assert "Antonio" in page
    assert "CC BY 4.0" in page


def test_the_page_adapts_to_light_and_dark(page):
    """Both are declared; no colour stands in the markup itself."""
    assert "prefers-color-scheme: dark" in page
    assert not re.search(r'(fill|stroke)="#', page)

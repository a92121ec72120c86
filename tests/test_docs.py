"""The documentation says what the package is: names, tables, numbers, commands and links."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import guardrails as gr
import guardrails.review
from guardrails._routing import TABLE, Action

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]

ROUTES = {
    Action.works: "works",
    Action.degraded: "degraded",
    Action.fallback: "fallback, else needs review",
    Action.review: "needs review",
}
CALLABLES = [
    gr.guard, gr.Fallback, gr.Budget, gr.Breaker, gr.Switch, gr.Contract, gr.Policy, gr.ReviewQueue, gr.deadline,
    gr.calibrate_classifier, gr.calibrate_regressor,
]  # fmt: skip


def text(page):
    return (DOCS / page).read_text(encoding="utf-8")


# --- reference ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", gr.__all__)
def test_every_public_name_has_its_place_in_the_api_page(name):
    """A heading of its own, or a place in a heading."""
    headings = [line for line in text("reference/api.md").splitlines() if line.startswith("#")]
    assert any(re.search(rf"`(gr\.)?{name}\b", heading) for heading in headings)


def test_the_api_page_names_nothing_that_does_not_exist():
    """Every `gr.name` in the headings is public."""
    headings = "\n".join(line for line in text("reference/api.md").splitlines() if line.startswith("#"))
    assert set(re.findall(r"`gr\.(\w+)", headings)) == set(gr.__all__)


@pytest.mark.parametrize("function", CALLABLES, ids=lambda function: function.__name__)
def test_every_parameter_is_in_the_api_page(function):
    """By name, in the section of its function."""
    sections = re.split(r"^#+ ", text("reference/api.md"), flags=re.MULTILINE)
    (section,) = [one for one in sections if re.match(rf"`gr\.{function.__name__}\b", one)]
    missing = [name for name in inspect.signature(function).parameters if f"`{name}`" not in section]
    assert missing == []


def caveat_row(row):
    allowed = ", ".join(action.name for action in sorted(row.allowed))
    policy = "fixed" if row.allowed == {Action.review} else allowed
    cells = (f"`{row.code}`", row.seen, ROUTES[row.action], policy, row.mend, row.lost)
    return f"| {' | '.join(cells)} |"


def test_the_caveats_page_is_the_routing_table():
    """Every row, in order, word for word, and no other."""
    expected = "\n".join(caveat_row(row) for row in TABLE)
    found = "\n".join(line for line in text("reference/caveats.md").splitlines() if line.startswith("| `"))
    assert found == expected


def errors_of(module):
    return {
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, gr.GuardrailsError)
    }


def test_every_error_is_in_the_errors_page():
    """And the page names no other."""
    table = text("reference/errors.md").partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == errors_of(gr) | errors_of(
        guardrails.review
    )


def default_of(call, parameter):
    target = gr
    for part in call.split("."):
        target = getattr(target, part)
    return inspect.signature(target).parameters[parameter].default


def test_every_default_in_the_defaults_page_is_the_one_in_the_code():
    """Rows that name a parameter, such as `Budget(attempts=)`, state its default."""
    stated = re.findall(
        r"^\| `([\w.]+)\((\w+)=\)` \| `(.+?)` \|", text("reference/defaults.md"), re.MULTILINE
    )
    assert len(stated) > 20
    for call, parameter, value in stated:
        assert repr(default_of(call, parameter)) == value, f"{call}({parameter}=)"


def numbers(function):
    """Parameters whose default is a number, and no flag."""
    return {
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if isinstance(parameter.default, int | float) and not isinstance(parameter.default, bool)
    }


@pytest.mark.parametrize("function", CALLABLES, ids=lambda function: function.__name__)
def test_every_default_number_is_in_the_defaults_page(function):
    """And has a reason beside it."""
    stated = set(
        re.findall(rf"^\| `{function.__name__}\((\w+)=\)`", text("reference/defaults.md"), re.MULTILINE)
    )
    assert numbers(function) <= stated


# --- README ------------------------------------------------------------------------------------------------------


def test_the_readmes_test_command_is_what_ci_runs():
    """The last line of `.ci/run`, letter for letter."""
    command = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1]
    assert "poe check" in command
    assert f"```bash\n{command}\n```" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


# --- links and site ----------------------------------------------------------------------------------------------


def prose(page):
    """A page without its code, in which brackets are no links."""
    blocks = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "", blocks.sub("", page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_resolves(page):
    """To a file of the repository; the site's build checks the anchors."""
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)) if "://" not in target]
    broken = [target for target in targets if not (page.parent / target.partition("#")[0]).exists()]
    assert broken == []


def test_every_page_is_in_the_navigation():
    """Or nobody finds it."""
    listed = set(re.findall(r": ([\w/-]+\.md)$", text("mkdocs.yml"), re.MULTILINE))
    assert listed == {str(page.relative_to(DOCS)) for page in PAGES[1:]}


def test_the_site_builds_without_a_warning(tmp_path):
    """As `poe site` does it, into another folder."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", "docs/mkdocs.yml"]
    command += ["--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "reference" / "api" / "index.html").is_file()
    assert "read_digit" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")

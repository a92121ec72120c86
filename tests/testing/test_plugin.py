"""The pytest plugin: its fixtures work, and who does not ask for them has nothing of it."""

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

GUARDED = """
import asyncio, pytest, guardrails as gr
from guardrails.testing import assert_degraded, assert_review, assert_works, parametrize_with_guard_checks

def scorecard(request):
    return 0

@gr.guard("sync", budget=10, fallbacks=[scorecard])
def predict(request):
    return request["x"]

@gr.guard("async", budget=10, fallbacks=[scorecard])
async def apredict(request):
    return request["x"]

@gr.guard("reviewed", budget=10, review=gr.ReviewQueue("reviews.db"))
def reviewed(request):
    raise ConnectionError
"""

SYNC = """
def test_hang(guard_faults, guard_clock):
    with guard_faults.hang(predict) as fault:
        assert_degraded(predict({"x": 1}), code="deadline", served_by="scorecard")
    assert fault.clock is guard_clock and 9.99 < guard_clock.monotonic() <= 10.0

def test_spans(guard_spans):
    predict({"x": 1})
    assert [span.name for span in guard_spans.finished] == ["guard sync"]

def test_no_spans_of_other_tests(guard_spans):
    assert guard_spans.finished == ()

def test_reviews(guard_reviews):
    decision = assert_review(reviewed({"x": 1}))
    assert guard_reviews.read(decision.id).guard_name == "reviewed"

@parametrize_with_guard_checks(predict, {"x": 1.25})
def test_promises(guard_check):
    guard_check()
"""

ASYNC = """
async def test_hang(guard_faults, guard_spans):
    with guard_faults.hang(apredict):
        decision = await apredict({"x": 1})
    assert_degraded(decision, code="deadline", served_by="scorecard")
    assert len(guard_spans.calls) == 1

async def test_at_once(guard_faults, guard_clock):
    with guard_faults.slow(apredict, 3.0):
        decisions = await asyncio.gather(*(apredict({"x": 1}) for _ in range(9)))
    assert {decision.elapsed for decision in decisions} == {3.0}
"""


@pytest.fixture
def run(pytester):
    """Run pytest as a user does, in a process of its own, on a file of tests."""

    def run(text, *arguments):
        pytester.makepyfile(GUARDED + text)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error", *arguments)

    return run


def test_the_fixtures(run):
    """Faults, clock, spans, reviews, checks."""
    run(SYNC, "-p", "no:asyncio").assert_outcomes(passed=14, skipped=1)


def test_with_xdist(run):
    """On two workers."""
    run(SYNC, "-p", "no:asyncio", "-n", "2").assert_outcomes(passed=14, skipped=1)


def test_with_pytest_asyncio(run):
    """In its automatic mode."""
    ini = ["-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function"]
    run(ASYNC, *ini).assert_outcomes(passed=2)


def test_with_anyio(run):
    """By its mark, on asyncio."""
    text = "pytestmark = pytest.mark.anyio\n\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    run(text + ASYNC, "-p", "no:asyncio").assert_outcomes(passed=2)


def test_a_failure_explains_itself(run):
    """The story is told, and the helper's own frames are not."""
    text = """
def test_it(guard_faults):
    with guard_faults.error(predict, KeyError("no such key")):
        assert_degraded(predict({"x": 1}), code="deadline", served_by="primary")
"""
    result = run(text, "-p", "no:asyncio")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*caveats: expected deadline among them, got error, fallback, uncalibrated",
            "*served_by: expected 'primary', got 'scorecard'",
            "*failure: KeyError('no such key')",
        ]
    )
    result.stdout.no_fnmatch_line("*unmet = wanted.unmet*")


def test_a_failing_check_names_its_promise(run):
    """And how it was broken."""
    text = """
from opentelemetry import trace

@gr.guard("leaky", budget=1)
def leaky(request):
    trace.get_current_span().set_attribute("x", request["x"])

@parametrize_with_guard_checks(leaky, {"x": 1.25}, only=["no_values_leave", "never_raises"])
def test_promises(guard_check):
    guard_check()
"""
    result = run(text, "-p", "no:asyncio")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*test_promises?no_values_leave?*", "*holds the value of field 'x'*"])


def test_a_run_that_asks_for_nothing_imports_nothing(pytester):
    """Not the package, not the SDK; and no fixture of it is set up."""
    pytester.makepyfile("""
import sys

def test_nothing(request):
    assert not {"guardrails", "numpy", "opentelemetry"} & set(sys.modules)
    assert not [name for name in request.fixturenames if name.startswith("guard_")]
""")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--setup-show")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*guard_*")


def test_the_fixtures_are_documented(pytester):
    """`pytest --fixtures` says what each is for."""
    result = pytester.runpytest_subprocess("--fixtures", "-p", "no:cacheprovider")
    names = [line.split(" ")[0] for line in result.outlines if line.startswith("guard_")]
    assert sorted(names) == ["guard_clock", "guard_faults", "guard_reviews", "guard_spans"]
    result.stdout.no_fnmatch_line("*no docstring available*guard*")


def test_importing_the_plugin_is_cheap():
    """It loads pytest, which is there already, and nothing of its own that is heavy."""
    code = (
        "import sys, time, pytest; before = set(sys.modules); import inference_guardrails_pytest; "
        "print(*sorted(set(sys.modules) - before))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["inference_guardrails_pytest"]

"""What cannot work is refused where a guard is defined, naming parameter, value received and mend."""

import functools
import inspect
import json
import math
import os
import subprocess
import sys

import cloudpickle
import numpy as np
import pandera.pandas as pa
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import guardrails as gr

from .conftest import WORKS, Request, calibrated, model


def regressor_profile():
    truth = np.linspace(0, 1, 500)
    return gr.calibrate_regressor(truth, truth, max_error=None, name="r")


async def afunction(request):
    return 1


def generator(request):
    yield 1


async def agenerator(request):
    yield 1


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"budget": 0}, "budget"),
        ({"budget": -0.1}, "budget"),
        ({"budget": float("inf")}, "budget"),
        ({"budget": float("nan")}, "budget"),
        ({"budget": "0.2"}, "budget"),
        ({"budget": True}, "budget"),
        ({"name": ""}, "name"),
        ({"name": 3}, "name"),
        ({"contract": {"x": float}}, "contract"),
        ({"contract": dict}, "contract"),
        ({"profile": "booking.profile.json"}, "profile"),
        ({"fallbacks": model}, "fallbacks"),
        ({"fallbacks": [3]}, "fallbacks"),
        ({"fallbacks": "model"}, "fallbacks"),
        ({"fallbacks": [generator]}, "fn"),
        ({"review": "reviews.db"}, "review"),
        ({"policy": {"error": "review"}}, "policy"),
        ({"output": 3}, "output"),
        ({"read": "p"}, "read"),
        ({"switch": "normal"}, "switch"),
        ({"observers": [3]}, "observers"),
        ({"observers": print}, "observers"),
        ({"request": "second"}, "request"),
        ({"clock": object()}, "clock"),
        ({"model_version": 2}, "model_version"),
    ],
    ids=lambda v: str(v)[:40],
)
def test_a_parameter_that_cannot_work_is_refused(changes, parameter):
    """At definition, by name."""
    with pytest.raises(gr.ConfigurationError, match=rf"{parameter}.*received"):
        gr.guard(**{"budget": 1.0, **changes})


def test_a_budget_is_required():
    """There is no safe default for time."""
    with pytest.raises(gr.ConfigurationError, match=r"budget: is required.*gr\.Budget"):
        gr.guard()


def test_bare_guard_is_a_mistake():
    """`@gr.guard` without parameters."""
    with pytest.raises(gr.ConfigurationError, match=r"@gr\.guard\(budget=0\.2\)"):
        gr.guard(model)


@pytest.mark.parametrize("fn", [generator, agenerator, 3, None, dict], ids=str)
def test_what_cannot_be_guarded_is_refused(fn):
    """Generators, values and classes."""
    with pytest.raises(gr.ConfigurationError, match="fn"):
        gr.guard(budget=1.0)(fn)


def test_an_async_fallback_on_a_plain_function_is_refused():
    """Nobody could await it."""
    for fallback in (afunction, functools.partial(afunction), gr.Fallback(afunction)):
        with pytest.raises(gr.ConfigurationError, match="fallbacks"):
            gr.guard(budget=1.0, fallbacks=[fallback])(model)
    gr.guard(budget=1.0, fallbacks=[afunction])(afunction)


def test_another_model_version_than_the_profiles_is_refused(profile):
    """A retrained model with an old profile; None is not compared."""
    with pytest.raises(gr.ConfigurationError, match=r"model_version.*'1'.*calibrate.*received '2'"):
        gr.guard(budget=1.0, profile=profile, model_version="2")
    assert gr.guard(budget=1.0, profile=profile, model_version="1").config.model_version == "1"
    assert gr.guard("another name", budget=1.0, profile=profile).config.model_version == "1"


def test_a_profile_of_the_other_task_is_refused(profile):
    """A regressor's profile for a classifier, or the reverse."""
    x, y = np.zeros((4, 1)), [0, 1, 0, 1]
    classifier, regressor = LogisticRegression().fit(x, y), LinearRegression().fit(x, y)
    with pytest.raises(gr.ConfigurationError, match=r"profile.*classifier's"):
        gr.guard(budget=1.0, profile=regressor_profile()).batch(classifier.predict_proba)
    with pytest.raises(gr.ConfigurationError, match=r"profile.*regressor's"):
        gr.guard(budget=1.0, profile=profile).batch(regressor.predict)

    def number(request) -> float:
        return 1.0

    with pytest.raises(gr.ConfigurationError, match=r"profile.*regressor's.*read="):
        gr.guard(budget=1.0, profile=profile)(number)
    gr.guard(budget=1.0, profile=profile, read=lambda v: [1 - v, v])(number)


def test_classes_that_do_not_match_are_refused(profile):
    """The model's classes against the profile's, and a fallback's against the guard's."""
    other = LogisticRegression().fit(np.zeros((4, 1)), ["a", "b", "a", "b"])
    with pytest.raises(gr.ConfigurationError, match="classes"):
        gr.guard(budget=1.0, profile=profile).batch(other.predict_proba)
    renamed = calibrated(classes=[0, 2], max_error=None, max_degraded_error=None, name="renamed")
    with pytest.raises(gr.ConfigurationError, match=r"Fallback\(profile=\).*classes"):
        gr.guard(budget=1.0, profile=profile, fallbacks=[gr.Fallback(model, profile=renamed)])
    with pytest.raises(gr.ConfigurationError, match=r"Fallback\(profile=\).*classifier"):
        gr.guard(budget=1.0, profile=profile, fallbacks=[gr.Fallback(model, profile=regressor_profile())])


@pytest.mark.parametrize(
    "changes", [{"profile": 3}, {"contract": 3}, {"output": 3}, {"read": 3}], ids=lambda c: next(iter(c))
)
def test_a_fallback_that_cannot_work_is_refused(changes):
    """Its own parameters, by name."""
    with pytest.raises(gr.ConfigurationError, match=r"Fallback\((profile|contract|output|read)=\)"):
        gr.Fallback(model, **changes)


def test_a_contract_that_cannot_fit_the_budget_is_refused():
    """Clauses that only pandera can judge take milliseconds; a budget of microseconds has no room for them."""
    slow = gr.Contract(pa.DataFrameSchema({"x": pa.Column(float, pa.Check(lambda x: x.abs() < 5))}))
    assert slow.cost > 1e-5
    for changes in ({"contract": slow}, {"fallbacks": [gr.Fallback(model, contract=slow)]}):
        with pytest.raises(gr.ConfigurationError, match=r"contract.*pandera needs.*budget"):
            gr.guard(budget=1e-5, **changes)
    gr.guard(budget=None, contract=slow)


def test_a_guard_is_frozen():
    """Configuration is a value."""
    guard = gr.guard(budget=1.0)
    with pytest.raises(AttributeError, match="frozen"):
        guard.config = None
    assert "Guard" in repr(guard)


def test_a_coroutine_function_stays_one_for_frameworks():
    """What awaits by asking `inspect` finds it, directly or through `__call__`."""
    guarded = gr.guard(budget=1.0)(afunction)

    assert inspect.iscoroutinefunction(guarded) or inspect.iscoroutinefunction(guarded.__call__)
    assert str(inspect.signature(guarded)) == "(request)"


def test_a_guarded_function_survives_cloudpickle(profile):
    """Configuration travels; workers, counters and instruments are made anew."""
    guarded = gr.guard("g", budget=10.0, contract=Request, profile=profile)(lambda r: [1 - r["x"], r["x"]])
    guarded(WORKS)
    again = cloudpickle.loads(cloudpickle.dumps(guarded))

    assert again(WORKS).route == "works"
    assert again.status()["decisions"]["works"] == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_guarded_function_works_in_a_forked_child():
    """A child has no threads of its parent, and other ids; run in a fresh interpreter, since forking one with threads warns."""
    code = """
import os, sys, warnings
warnings.simplefilter("ignore")
import guardrails as gr
guarded = gr.guard(budget=5.0)(lambda request: request)
first = guarded(1)
read, write = os.pipe()
if os.fork() == 0:
    child = guarded(2)
    os.write(write, f"{child.value} {child.id}".encode())
    os._exit(0)
os.wait()
value, child_id = os.read(read, 100).decode().split()
assert value == "2" and child_id.split("-")[0] != first.id.split("-")[0], (value, child_id, first.id)
print("ok")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == "ok", done.stderr


def test_the_interpreter_exits_while_a_call_hangs():
    """Abandoned daemon workers do not hold the process."""
    code = """
import threading, guardrails as gr
print(gr.guard(budget=0.05)(lambda request: threading.Event().wait())(1).route)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "needs_review"


def test_import_is_light():
    """`import guardrails` imports none of the heavy packages."""
    code = "import guardrails, sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    heavy = {"pandas", "pandera", "sklearn", "scipy", "mapie", "sqlalchemy", "sqlite3", "opentelemetry.sdk"}
    assert not heavy & set(json.loads(done.stdout))


def test_every_public_name_is_exported_sorted_and_documented():
    """`__all__` is what the package shows."""
    assert gr.__all__ == sorted(gr.__all__, key=lambda name: (name.islower(), name))
    for name in set(gr.__all__) - {"Decision"}:
        assert getattr(gr, name).__doc__, name
    assert set(gr.__all__) <= set(dir(gr))
    with pytest.raises(AttributeError, match="nothing_like_it"):
        gr.nothing_like_it  # noqa: B018


def _keeps(request, timeout=1.0):
    return 1


async def _waits(request):
    return 1


@pytest.mark.parametrize(
    ("fn", "budget", "said"),
    [
        (_keeps, gr.Budget(1.0), "runs on in its thread"),
        (math.sqrt, gr.Budget(1.0, enforcement="process"), "killed and replaced"),
        (_keeps, gr.Budget(1.0, enforcement="cooperative"), "told its time and trusted"),
        (_waits, gr.Budget(1.0), "coroutine is cancelled"),
        (_keeps, None, "Nothing bounds the call"),
    ],
    ids=["thread", "process", "cooperative", "async", "inline"],
)
def test_explain_says_what_cannot_be_stopped(fn, budget, said, tmp_path):
    """For each way to enforce a deadline; and the limits, the breaker and the switch."""
    switch = gr.Switch(tmp_path / "switch.jsonl")
    text = gr.guard(budget=budget, fallbacks=[] if fn is _waits else [_keeps], switch=switch)(fn).explain()

    assert said in text
    assert ("both may run" in text) == (
        budget is not None and budget.enforcement in {None, "process"} and fn is not _waits
    )
    assert "leaves a function alone for 2 s once 50% of at least 20 calls" in text
    assert "now at normal" in text

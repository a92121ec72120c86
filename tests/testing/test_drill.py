"""Drills: what a guard does while something fails, in a report and an exit code."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

import guardrails as gr
from guardrails.__main__ import main
from guardrails.testing import drill
from guardrails.testing._scenarios import NAMES, scenarios
from guardrails.testing._seam import engine_of

REQUESTS = [{"x": x + 0.25, "kind": "a"} for x in range(4)]


class Request(pa.DataFrameModel):
    x: float = pa.Field(ge=0, le=10)
    kind: str = pa.Field(isin=["a", "b"])


def scorecard(request):
    return 0.5


def good(answer):
    return isinstance(answer, float) and np.isfinite(answer)


def guarded(fn=lambda request: request["x"] * 2, **changes):
    given = {
        "contract": Request,
        "budget": 5.0,
        "fallbacks": [gr.Fallback(scorecard, contract=None)],
        "output": good,
        "review": gr.ReviewQueue("never-written.db"),
    }
    return gr.guard("drilled", **{**given, **changes})(fn)


def virtual(target, *names, requests=REQUESTS, **more):
    return drill(target, requests, names, real_time=False, **more)


def outcome(report, name):
    return next(each for each in report.outcomes if each.scenario == name)


# --- what a drill finds ------------------------------------------------------------------------------------------


def test_a_sound_guard_passes_every_scenario_that_applies():
    """Each ends as it should; nothing is written to the guard's own store."""
    report = virtual(guarded())

    assert report.passed, str(report)
    assert [each.scenario for each in report.outcomes] == [
        "healthy", "primary_hangs", "primary_slow", "primary_raises", "primary_flaky", "primary_returns_nan",
        "primary_returns_none", "primary_returns_garbage", "primary_saturated", "primary_circuit_open",
        "fallback_hangs", "fallback_raises", "switched_off", "review_locked", "review_full",
    ]  # fmt: skip
    hangs = outcome(report, "primary_hangs")
    assert hangs.outcomes == {"works": 0, "degraded": 4, "needs_review": 0}
    assert (hangs.codes["deadline"], hangs.served_by) == (4, {"scorecard": 4})
    assert hangs.seconds["max"] < 5.0
    assert outcome(report, "review_full").outcomes["needs_review"] == 4
    assert outcome(report, "primary_flaky").struck == 2


async def _price(request):
    return request["x"] * 2


def test_a_coroutine_function_is_drilled_too():
    """On an event loop."""
    report = virtual(guarded(_price))
    assert report.passed, str(report)
    assert report.enforcement == "async"


def test_a_table_guard_is_drilled_with_tables():
    """One decision per row."""
    many = gr.Fallback(lambda rows: [0.5] * len(rows), name="many", contract=None)
    target = gr.guard("t", contract=Request, budget=5.0, fallbacks=[many], output=np.isfinite)
    table = target.batch(lambda rows: rows["x"].to_numpy())
    report = virtual(table, "primary_hangs", "field_scaled=x:100", requests=[pd.DataFrame(REQUESTS)])
    assert report.passed, str(report)
    assert outcome(report, "primary_hangs").outcomes["degraded"] == 4
    assert outcome(report, "field_scaled=x:100").codes["contract"] == 4


def test_keyword_functions_and_guards_without_much_are_drilled():
    """Only what applies."""
    bare = gr.guard("bare", budget=None, request="arguments")(lambda *, x, kind: x)
    report = virtual(bare)
    names = [each.scenario for each in report.outcomes]
    assert not [
        name for name in names if name.startswith(("fallback_", "review_")) or name == "primary_hangs"
    ]
    assert outcome(report, "primary_raises").outcomes["needs_review"] == 4


def test_garbage_that_passes_is_a_finding():
    """Without a check of the output nothing tells the answer from a good one."""
    report = virtual(guarded(output=None), "primary_returns_garbage")
    garbage = outcome(report, "primary_returns_garbage")
    assert garbage.findings == ("no decision tells of it: expected output",)
    assert (garbage.silent, report.passed) == (4, False)
    assert "4 struck requests: neither decision nor span tells them from healthy ones" in garbage.not_visible


def test_a_broken_request_that_goes_unseen_is_told_and_with_strict_a_finding():
    """A factor that stays within the contract."""
    report = virtual(guarded(), "field_scaled=x:1.5")
    scaled = outcome(report, "field_scaled=x:1.5")
    assert (scaled.silent, scaled.findings, report.passed) == (4, (), True)
    assert "4 struck requests" in scaled.not_visible[-1]
    strict = virtual(guarded(), "field_scaled=x:1.5", strict=True)
    assert not strict.passed


def test_a_guard_that_raises_or_is_late_is_found():
    """The fallback leaves the process; the observer is quick, the output check is not."""

    def exits(request):
        raise SystemExit(3)

    raising = virtual(guarded(fallbacks=[gr.Fallback(exits, contract=None)]), "primary_raises")
    assert outcome(raising, "primary_raises").findings[0] == "4 calls raised SystemExit"

    def slow_check(answer):
        time.sleep(0.08)
        return True

    late = drill(guarded(budget=0.02, output=slow_check), REQUESTS[:1], ["primary_flaky"])
    assert "after its budget" in outcome(late, "healthy").findings[0]


def test_a_fault_that_strikes_nothing_is_found():
    """Requests that the contract stops tell nothing of the model; a field that no request has, nothing of the upstream."""
    report = virtual(guarded(), "primary_raises", requests=[{"x": -1.0, "kind": "a"}])
    assert "the fault struck no request" in outcome(report, "primary_raises").findings[0]
    report = virtual(guarded(), "field_dropped=y")
    assert "the fault struck no request" in outcome(report, "field_dropped=y").findings[0]


def test_observers_are_not_told():
    """A monitor must not count a drill."""
    told = []
    virtual(guarded(observers=[told.append]), "primary_raises")
    assert told == []


def test_what_telemetry_shows_is_told():
    """Spans, counters, the abandoned call, the store's complaint."""
    report = virtual(guarded(), "primary_raises", "switched_off")
    raises = outcome(report, "primary_raises")
    assert "a span for each call: 4 of 4" in raises.visible
    assert "caveat 'error' in the spans: 4 of 4" in raises.visible
    assert "counter of decisions by first caveat, 'error': 4 of 4" in raises.visible
    # the counter knows the first caveat alone
    assert (
        "counter of decisions by first caveat, 'switched_off': 0 of 4"
        in outcome(report, "switched_off").not_visible
    )


def test_fields_of_the_contract_stand_in_for_a_field():
    """One scenario each."""
    engine = engine_of(guarded())
    assert [each.name for each in scenarios(engine, ["field_dropped"])] == [
        "field_dropped=x",
        "field_dropped=kind",
    ]


@pytest.mark.parametrize(
    ("names", "changes", "match"),
    [
        (["primary_sulks"], {}, "primary_hangs, primary_slow"),
        (["fallback_hangs"], {"fallbacks": []}, "no fallback"),
        (["review_full"], {"review": None}, "no review store"),
        (["primary_hangs"], {"budget": None}, "no budget"),
        (["clock_skewed"], {}, "max_age"),
        (["field_scaled"], {}, "field_scaled=FIELD"),
        (["field_scaled=x:ten"], {}, "FIELD:NUMBER"),
        (["field_dropped"], {"contract": None}, "must name its field"),
    ],
)
def test_a_scenario_that_does_not_apply_is_refused(names, changes, match):
    """With what there is."""
    with pytest.raises(gr.ConfigurationError, match=match):
        virtual(guarded(**changes), *names)


def test_without_requests_there_is_no_drill():
    """And without a guard."""
    with pytest.raises(gr.ConfigurationError, match="at least one"):
        drill(guarded(), [])
    with pytest.raises(gr.ConfigurationError, match="guarded"):
        drill(scorecard, REQUESTS)


def test_the_clock_of_a_contract_with_ages_is_skewed():
    """An hour is within the limit here, and a year is not asked."""
    dated = gr.Contract(pa.DataFrameSchema({"at": pa.Column(float)}), max_age={"at": "30min"})
    target = guarded(lambda request: 1.0, contract=dated)
    report = virtual(target, "clock_skewed", "field_stale=at:7200", requests=[{"at": time.time()}])
    assert outcome(report, "clock_skewed").codes["contract"] == 1
    assert outcome(report, "field_stale=at:7200").codes["contract"] == 1


# --- the command -------------------------------------------------------------------------------------------------

SERVICE = """
import guardrails as gr

def scorecard(request):
    return 0.5

@gr.guard("service", budget=1.0, fallbacks=[scorecard], output=lambda answer: isinstance(answer, float) and answer == answer)
def predict(request):
    return request["x"] * 2.0

@gr.guard("table", budget=0.05, output=lambda answer: answer == answer)
def unused(request): ...

table = unused.guard.batch(lambda rows: rows["x"].to_numpy())

class Request(dict): ...
"""


@pytest.fixture
def service(tmp_path, monkeypatch):
    (tmp_path / "drilled_service.py").write_text(SERVICE)
    (tmp_path / "requests.jsonl").write_text(
        "\n".join(json.dumps({"x": x + 0.125}) for x in range(30)) + "\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.delitem(sys.modules, "drilled_service", raising=False)
    yield tmp_path
    sys.modules.pop("drilled_service", None)


def command(*arguments, target="drilled_service:predict"):
    return main(["drill", target, "--requests", "requests.jsonl", *arguments])


def test_the_command_writes_a_report_and_a_summary(service, capsys):
    """In real time; the JSON holds no value of a request."""
    assert command("--scenario", "primary_hangs, primary_raises", "--limit", "1", "--tolerance", "1") == 0

    report = json.loads((service / "drill.json").read_text())
    assert (report["schema_version"], report["passed"], report["requests"]) == (1, True, 1)
    assert report["real_time"] is True
    hangs = report["outcomes"][1]
    assert (hangs["scenario"], hangs["outcomes"]["degraded"], hangs["passed"]) == ("primary_hangs", 1, True)
    assert -1.0 < hangs["over_budget"]["max"] < 0.5  # real time, on a machine that may be busy
    assert ".125" not in (service / "drill.json").read_text()
    summary = (service / "drill.md").read_text()
    assert "| primary_hangs | 0 | 1 | 0 |" in summary
    assert summary in capsys.readouterr().out


def test_a_finding_is_exit_code_one(service):
    """For a pipeline."""
    assert (
        command("--virtual-time", "--scenario", "field_scaled=x:2", "--strict", "--out", "strict.json") == 1
    )
    assert json.loads((service / "strict.json").read_text())["passed"] is False
    assert "## Findings" in (service / "strict.md").read_text()


@pytest.mark.parametrize(
    "setting",
    [
        ("APP_ENV", "Production"),
        ("GUARDRAILS_ENVIRONMENT", "prod"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=x,deployment.environment.name=production"),
    ],
)
def test_production_is_refused_unless_allowed(service, capsys, monkeypatch, setting):
    """With exit code 2, and nothing imported."""
    monkeypatch.setenv(*setting)
    assert command("--virtual-time") == 2
    assert "--allow-production" in capsys.readouterr().err
    assert "drilled_service" not in sys.modules
    assert command("--virtual-time", "--scenario", "primary_raises", "--allow-production") == 0


@pytest.mark.parametrize(
    ("arguments", "target", "match"),
    [
        ([], "drilled_service", "MODULE:NAME"),
        ([], "no_such_module:predict", "ModuleNotFoundError"),
        ([], "drilled_service:missing", "has no 'missing'"),
        ([], "drilled_service:scorecard", "guarded"),
        (["--requests", "missing.jsonl"], "drilled_service:predict", "FileNotFoundError"),
        (["--requests", "requests.txt"], "drilled_service:predict", ".jsonl"),
        (["--requests", "bad.json"], "drilled_service:predict", "JSONDecodeError"),
        (["--requests", "empty.json"], "drilled_service:predict", "at least one record"),
        (["--scenario", "primary_sulks"], "drilled_service:predict", "primary_hangs"),
        (
            ["--virtual-time", "--scenario", "primary_raises", "--out", "no/such/drill.json"],
            "drilled_service:predict",
            "--out",
        ),
    ],
)
def test_mistakes_are_one_line_and_exit_code_two(service, capsys, arguments, target, match):
    """On stderr."""
    (service / "requests.txt").write_text("x")
    (service / "bad.json").write_text("{")
    (service / "empty.json").write_text("[]")
    assert command(*arguments, target=target) == 2
    error = capsys.readouterr().err
    assert match in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("name", ["requests.json", "requests.csv", "requests.jsonl"])
def test_requests_come_from_files_of_several_kinds(service, name):
    """And `--read` makes of each record what the function takes; a table guard gets one table."""
    frame = pd.DataFrame({"x": [1.5, 2.5]})
    (service / "requests.json").write_text(frame.to_json(orient="records"))
    frame.to_csv(service / "requests.csv", index=False)
    more = ["--virtual-time", "--scenario", "primary_raises", "--limit", "2", "--requests", name]
    assert command(*more, "--read", "drilled_service:Request") == 0
    assert command(*more, target="drilled_service:table") == 0


def test_a_limit_is_a_whole_number(service):
    """Of at least one."""
    with pytest.raises(SystemExit):
        command("--limit", "0")


def test_every_scenario_is_documented():
    """In the page of the part."""
    page = (Path(__file__).parents[2] / "docs" / "parts" / "testing.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}" not in page] == []

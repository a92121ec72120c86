"""The commands' arguments and exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from guardrails.__main__ import main


@pytest.mark.parametrize(
    "arguments",
    [[], ["serve"], ["demo", "--requests", "10"], ["demo", "--requests", "many"], ["demo", "--seed", "-1"]],
)
def test_a_mistake_in_the_arguments_is_exit_code_2_and_names_itself(arguments, capsys):
    """argparse says which argument, and what it may be."""
    with pytest.raises(SystemExit) as mistake:
        main(arguments)
    assert mistake.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize("place", [".", "missing/report.html"])
def test_a_report_that_cannot_be_written_is_refused_before_anything_runs(tmp_path, capsys, place):
    """Rather than after a minute: a folder, and a file in a folder that is not there."""
    assert main(["demo", "--out", str(tmp_path / place)]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_the_demo_gets_its_arguments(monkeypatch, tmp_path):
    """And OpenMP its one thread, unless the user has set another number."""
    from guardrails._demo import run

    asked = []
    monkeypatch.setattr(run, "run", lambda *given: asked.append(given) or 0)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    out = tmp_path / "report.html"
    assert main(["demo", "--out", str(out), "--requests", "40", "--seed", "7"]) == 0
    assert asked == [(out, 40, 7)]
    assert os.environ["OMP_NUM_THREADS"] == "3"


@pytest.mark.parametrize(("found", "code"), [([], 0), (["mend this"], 1)])
def test_the_doctor_prints_findings_and_says_so_in_its_exit_code(monkeypatch, capsys, found, code):
    """0 where there is nothing to mend."""
    monkeypatch.setattr("guardrails._doctor.findings", lambda _: iter(found))
    assert main(["doctor"]) == code
    printed = capsys.readouterr().out
    assert "inference-guardrails" in printed
    assert ("Nothing to mend." in printed) == (code == 0)
    assert all(finding in printed for finding in found)


def test_the_commands_load_nothing_heavy_to_say_how_they_are_used():
    """--help answers at once."""
    code = "import sys, guardrails.__main__ as m\ntry: m.main(['--help'])\nexcept SystemExit: print('sklearn' in sys.modules, 'pandas' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    assert done.stdout.splitlines()[-1] == "False False"

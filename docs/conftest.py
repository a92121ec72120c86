"""Every Python block of these pages and of the README is a test, and prints what the page says it prints."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, SkipParser

import guardrails as gr
from guardrails._calibration import _looks

_HERE = Path(__file__).parent
_README = _HERE.parent / "README.md"
_EVALUATE = PythonEvaluator()
_CHECKER = doctest.OutputChecker()
_STATE = "_page"  # in a page's namespace: what belongs to the test and not to the page


def _run(example: Example) -> None:
    printed = io.StringIO()
    example.namespace[_STATE]["printed"] = printed
    with contextlib.redirect_stdout(printed):
        _EVALUATE(example)


def _compare(example: Example) -> str | None:
    """Hold an `output` block against what the Python block above it printed; `...` stands for anything."""
    said, printed = str(example.parsed), example.namespace[_STATE]["printed"].getvalue()
    if _CHECKER.check_output(said, printed, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE):
        return None
    return f"the page says\n{said}\nand the code prints\n{printed}"


def _begin(namespace: dict[str, Any]) -> None:
    """Give each page a folder and a count of calibrations of its own: its blocks write files and calibrate toy rows."""
    _looks.forget()
    folder = tempfile.TemporaryDirectory()
    namespace.update({_STATE: {"folder": folder, "before": Path.cwd()}, "__name__": "page"})
    os.chdir(folder.name)


def _end(namespace: dict[str, Any]) -> None:
    for value in namespace.values():
        if isinstance(value, gr.ReviewQueue):
            value.close()
    state = namespace[_STATE]
    os.chdir(state["before"])
    state["folder"].cleanup()


_COLLECT = Sybil(
    parsers=[
        CodeBlockParser(language="python", evaluator=_run),
        CodeBlockParser(language="output", evaluator=_compare),
        SkipParser(),
    ],
    pattern="*.md",
    path=str(_HERE.parent),
    setup=_begin,
    teardown=_end,
).pytest()


class _Pages:
    """A plugin, since a conftest's own hook would not see the README, which lies above its folder."""

    @staticmethod
    def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Any:
        """Collect the pages and the README."""
        ours = file_path == _README or (_HERE in file_path.parents and file_path.suffix == ".md")
        return _COLLECT(file_path, parent) if ours else None


def pytest_configure(config: pytest.Config) -> None:
    """Make the plugin known."""
    config.pluginmanager.register(_Pages(), "guardrails-pages")

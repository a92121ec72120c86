"""The output check: the same machinery on what the model returns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

from guardrails._contract import HOLDS, Contract, OutputCheck, Verdict, output_of
from guardrails._errors import ConfigurationError
from guardrails._types import Violation

pytestmark = pytest.mark.usefixtures("quick")

ONE = pa.DataFrameSchema({"p": pa.Column(float, pa.Check.in_range(0, 1))})
TWO = pa.DataFrameSchema({"no": pa.Column(float, pa.Check.ge(0)), "yes": pa.Column(float, pa.Check.ge(0))})
RANGE = Violation("p", "in_range(0, 1)", "range")


def in_unit(answer) -> bool:
    return 0 <= answer <= 1


@pytest.mark.parametrize("check", [ONE, in_unit, Contract(ONE)], ids=["schema", "callable", "contract"])
@pytest.mark.parametrize(
    ("answer", "holds"),
    [(0.5, True), (np.float64(1.0), True), (2.0, False), (float("nan"), False), (None, False), ("x", False)],
)
def test_a_scalar_answer(check, answer, holds):
    """A schema of one column, and a function, judge a plain answer."""
    assert (output_of(check).check(answer) is HOLDS) == holds


@pytest.mark.parametrize(
    "answer",
    [np.array([0.2, 0.8]), [0.2, 0.8], (0.2, 0.8), np.array([[0.2, 0.8]]), {"p": 0.5}, np.array(0.5)],
)
def test_one_column_judges_every_element(answer):
    """An array of probabilities is as good as its worst element."""
    assert output_of(ONE).check(answer) is HOLDS


@pytest.mark.parametrize(
    "answer", [np.array([0.2, 1.8]), [0.2, np.nan], {"p": -1.0}, {"q": 1.0}, np.zeros((2, 2)), object(), "p"]
)
def test_one_column_finds_the_broken_element(answer):
    """So does an answer of another shape or kind."""
    assert output_of(ONE).check(answer).violations


def test_several_columns_judge_by_position_or_name():
    """By position for arrays and sequences, by name for records."""
    check = output_of(TWO)
    for answer in (
        np.array([0.1, 0.9]),
        [0.1, 0.9],
        {"yes": 0.9, "no": 0.1},
        pd.Series({"no": 0.1, "yes": 0.9}),
    ):
        assert check.check(answer) is HOLDS
    assert check.check([0.1, -0.9]).violations == (Violation("yes", "greater_than_or_equal_to(0)", "range"),)
    assert (
        check.check([0.1]).violations
        == check.check(0.5).violations
        == (Violation("", "an answer that the output check can read", "type"),)
    )


def test_an_exception_breaks_the_check():
    """It is named by the function, and says nothing of the answer."""
    assert output_of(in_unit).check("secret").violations == (Violation("", "in_unit", "custom"),)


def test_an_answer_that_cannot_be_read_breaks_the_check():
    """Whatever it raises."""

    class Hostile:
        def __array__(self, *_):
            raise RuntimeError

        __iter__ = __getitem__ = __len__ = __array__

    assert output_of(ONE).check(Hostile()).violations
    assert len(output_of(ONE).check_table(Hostile(), 2)) == 2


TABLES = {
    "array": np.array([0.5, 2.0, 0.1]), "list": [0.5, 2.0, 0.1], "2-d": np.array([[0.5, 0.5], [0.5, 2.0], [0.1, 0.9]]),
    "frame": pd.DataFrame({"p": [0.5, 2.0, 0.1]}, index=[0, 0, 0]), "records": [{"p": 0.5}, {"p": 2.0}, {"p": 0.1}],
}  # fmt: skip


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_of_answers_is_judged_row_by_row(kind):
    """Only the broken rows are there, with the verdict they get alone."""
    assert output_of(ONE).check_table(TABLES[kind], 3) == {1: Verdict((RANGE,))}


def test_a_callable_judges_each_row():
    """The same verdict as for one answer."""
    check = output_of(in_unit)
    assert check.check_table(np.array([0.5, 2.0]), 2) == {1: check.check(2.0)}


@pytest.mark.parametrize("answers", [[0.5], [], np.zeros(3), None, 5])
def test_another_number_of_answers_breaks_every_row(answers):
    """Nobody knows which answer belongs to which row."""
    found = output_of(ONE).check_table(answers, 2)
    assert list(found) == [0, 1]
    assert all(verdict.violations for verdict in found.values())


def test_output_of():
    """None stays None; what is no check is a mistake."""
    check = output_of(ONE)
    assert output_of(None) is None
    assert output_of(check) is check
    assert isinstance(check, OutputCheck)

    async def later(_answer):
        return True

    for wrong in (later, 5, "range", int):
        with pytest.raises(ConfigurationError, match=r"^output: "):
            output_of(wrong)


LENIENT = Contract(
    pa.DataFrameSchema({"p": pa.Column(float, [pa.Check.le(9), pa.Check.in_range(0, 1)])}),
    severity={("p", "in_range(0, 1)"): "caveat"},
)


@pytest.mark.parametrize("kind", TABLES)
def test_a_caveat_about_an_answer_is_kept(kind):
    """The answer stands, and what it breaks is said."""
    check = output_of(LENIENT)
    assert check.check(2.0) == Verdict(drifted=(RANGE,))
    assert check.check(20.0).violations
    assert check.check_table(TABLES[kind], 3) == {1: Verdict(drifted=(RANGE,))}


NAMES = {"text": ["no", "yes"], "numbers": [0, 1]}


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("n", [3, 700])
@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("dtype", [float, "float32", object])
def test_many_answers_get_the_verdicts_that_each_gets(names, n, columns, dtype):
    """Arrays and tables, looked at as a whole where that is the same."""
    keys = NAMES[names][:columns]
    check = output_of(pa.DataFrameSchema({key: pa.Column(float, pa.Check.in_range(0, 1)) for key in keys}))
    cells = np.random.default_rng(0).choice([0.5, 1.0, 1.5, np.nan], (n, columns), p=[0.6, 0.2, 0.1, 0.1])
    wide = np.hstack([cells, cells]) if columns == 1 else cells
    tables = [cells.astype(dtype), wide.astype(dtype), pd.DataFrame(cells, columns=keys)]
    for table in [*tables, cells[:, 0]]:
        rows = table.to_dict("records") if isinstance(table, pd.DataFrame) else list(table)
        alone = {i: verdict for i, row in enumerate(rows) if (verdict := check.check(row)) is not HOLDS}
        assert dict(check.check_table(table, n)) == alone

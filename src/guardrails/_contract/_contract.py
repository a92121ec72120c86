"""The contract: a pandera schema, compiled once, that judges records and tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from guardrails._clock import SYSTEM_CLOCK, Clock
from guardrails._errors import ConfigurationError
from guardrails._types import Violation

from ._batch import broken_batch
from ._compile import Options, Settled, compile_schema
from ._described import described
from ._explain import explained
from ._fingerprint import fingerprint_of
from ._judge import UnknownError
from ._options import by_key, choice, names_of
from ._pandera import record_violations, reporting, schema_of, warned
from ._rebuild import rebuilt, rebuilt_table
from ._records import ACCEPTED, UnreadableError, as_dict, is_frame, length_of, records_of
from ._verdict import HOLDS, UNCHANGED, TableVerdict, Verdict

if TYPE_CHECKING:
    from ._draft import Draft

Semantics = Literal["record", "pandera"]
Uncompiled = Literal["pandera", "caveat", "error"]

_UNREADABLE = Verdict((Violation("", ACCEPTED, "type"),))
_MOST_EXAMPLES = 10_000


class Contract:
    """What inputs (or answers) must satisfy: a pandera schema, compiled once, that judges record by record.

    A record's verdict depends on that record alone; the verdict on row i of a table is the verdict on row i as a
    record. Safe to share between threads and to send to other processes with cloudpickle.

    Args:
        schema: a pandera `DataFrameModel` or `DataFrameSchema` for pandas; it is copied.
        semantics: `"record"` reads values by what they are (an int is a float, None is NaN, nothing lossy);
            `"pandera"` is exactly `schema.validate` of the one-row frame.
        transform: whether verdicts carry the record after coercion, parsers, defaults and `strict="filter"`.
        uncompiled: what happens to clauses that have no compiled form: pandera judges them record by record, or they
            stay unchecked and every verdict says so, or the contract is refused.
        max_age: how old a record may be, by timestamp field: seconds, or text such as `"15min"`. Naive timestamps are
            UTC, numbers are seconds since the epoch. A missing timestamp is stale, an absent optional one too.
        max_ahead: how far ahead of the clock such a field may be; 60 s where it is not given.
        fields: field names by position, for arrays; default: in schema order.
        examples: a table of records: the compiled form is held against pandera on them too, and a text field that has
            few values there gets a caveat for a new one.
        severity: `"contract"` (default) or `"caveat"`, by field, or by (field, kind or text of one of its clauses).
        row_checks: names of the user's own checks that judge each row by itself, though they are not `element_wise`:
            a table is then asked about at once.
        clock: the clock of `max_age`.

    Attributes:
        fields: the declared field names, in schema order.
        fingerprint: 16 hexadecimal digits of what the contract means; equal for an equal schema, in every process.
        cost: seconds that pandera needs for one record, measured here; 0.0 where everything is compiled.

    Raises:
        ConfigurationError: the schema is no pandera object for pandas, an option names what is not declared, or a
            pattern's time explodes.
    """

    __slots__ = (
        "_asked",
        "_compiled",
        "_options",
        "_order",
        "_schema",
        "_settled",
        "_warned",
        "cost",
        "fields",
        "fingerprint",
    )

    def __init__(
        self,
        schema: object,
        *,
        semantics: Semantics = "record",
        transform: bool = False,
        uncompiled: Uncompiled = "pandera",
        max_age: Mapping[str, str | float] | None = None,
        max_ahead: Mapping[str, str | float] | None = None,
        fields: Sequence[str] | None = None,
        examples: object = None,
        severity: Mapping[str | tuple[str, str], str] | None = None,
        row_checks: Collection[str] = (),
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        choice("semantics", semantics, ("record", "pandera"))
        choice("uncompiled", uncompiled, ("pandera", "caveat", "error"))
        if not callable(getattr(clock, "time", None)):
            raise ConfigurationError.of("clock", clock, "must have time(), in seconds since the epoch")
        self._schema = schema_of(schema)
        self._options = Options(
            semantics=semantics,
            transform=transform,
            uncompiled=uncompiled,
            max_age=by_key("max_age", max_age, "field"),
            max_ahead=by_key("max_ahead", max_ahead, "field"),
            severity=by_key("severity", severity, "field, or by (field, kind or text of a clause)"),
            row_checks=names_of("row_checks", row_checks),
            clock=clock,
        )
        self._options.require_record_semantics()
        self._order = _positions(fields, self._schema)
        self._build(_example_records(examples, self._order), None)

    def _build(self, examples: Sequence[Mapping[Any, Any]], settled: Settled | None) -> None:
        self._warned = warned(self._schema)
        self._asked = reporting(self._schema)
        self._compiled, self._settled = compile_schema(
            self._schema, self._options, self._order, examples, settled
        )
        self.fields = tuple(str(key) for key in self._schema.columns)
        self.cost = self._settled.seconds
        meaning = (described(self._schema), self._options.meaning(), self._order, self._settled.seen)
        self.fingerprint = fingerprint_of(*meaning)

    def __getstate__(self) -> tuple[Any, ...]:
        return (self._schema, self._options, self._order, self._settled)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._schema, self._options, self._order, settled = state
        self._build((), settled)

    @staticmethod
    def infer(frame: Any, *, name: str = "Request", room: float = 0.1, categories: int = 20) -> Draft:
        """Draft a contract from a table of data, as Python source to read and change.

        Args:
            frame: a pandas DataFrame; each of its rows keeps the draft.
            name: of the pandera model.
            room: share of a number's span by which its bounds are widened.
            categories: the most distinct values a column may have to be drafted as a list of labels.

        Raises:
            ConfigurationError: the table has no rows, or an argument cannot work.
        """
        from ._draft import draft

        return draft(frame, name=name, room=room, categories=categories)

    def check(self, request: object) -> Verdict:
        """The verdict on one record.

        Args:
            request: a dict, Mapping, dataclass, pydantic model, NamedTuple, pandas Series or 1-d array (by position).

        Returns:
            `HOLDS` itself where there is nothing to say. Never raises an `Exception`: what cannot be read as a record
            breaks the contract.
        """
        try:
            record = request if type(request) is dict else as_dict(request, self._order)
            if self._compiled.test(record):
                return self._compiled.clean
        except Exception:  # noqa: S110 - whatever is not plainly well is explained below
            pass
        return self._explained(request)

    def _explained(self, request: Any) -> Verdict:
        try:
            verdict = self._verdict(request)
        except UnreadableError as error:
            return Verdict((Violation("", str(error), "type"),))
        except Exception:
            return _UNREADABLE
        if verdict.drifted:
            self._compiled.counts.drifted(verdict.drifted)
        return verdict

    def _verdict(self, request: Any) -> Verdict:
        record = as_dict(request, self._order)
        judge = self._compiled.judge
        if judge.has_undeclared(record):
            self._compiled.counts.undeclared()
        try:
            verdict = judge.judge(record)
        except UnknownError:
            verdict = self._by_pandera(record)
        if verdict.request is UNCHANGED:
            return verdict
        return Verdict(verdict.violations, verdict.drifted, rebuilt(request, verdict.request, self._order))

    def _by_pandera(self, record: dict[Any, Any]) -> Verdict:
        found = record_violations(self._asked, record)
        missing = self._compiled.judge.missing_optional(record)
        drifted = (*missing, *(violation for violation in found if violation in self._warned))
        violations = tuple(violation for violation in found if violation not in self._warned)
        return Verdict(violations, drifted) if violations or drifted else HOLDS

    def check_table(self, table: object) -> TableVerdict:
        """The verdicts on all rows of a table, by position.

        Args:
            table: a pandas DataFrame, a 2-d array (columns in field order), or a list of records.

        Raises:
            TypeError: `table` is none of these.
        """
        n = length_of(table)
        ok, rows = self._by_columns(table, n) or self._by_rows(table)
        batch = broken_batch(table, ok, self._compiled.plan, self._schema, self._order)
        plan = self._compiled.plan
        changed = rebuilt_table(table, ok, rows, plan) if self._options.transform else UNCHANGED
        return TableVerdict(ok, rows, changed, batch)

    def _by_columns(self, table: Any, n: int) -> tuple[NDArray[np.bool_], dict[int, Verdict]] | None:
        """The verdicts by whole columns; None where the table's rows are judged one by one."""
        columns = self._compiled.columns
        try:
            if columns is None or not columns.fits(table):
                return None
            found = columns.judge(table)
        except Exception:
            return None
        self._count(table, found[1], n)
        return found

    def _by_rows(self, table: Any) -> tuple[NDArray[np.bool_], dict[int, Verdict]]:
        verdicts = [self.check(record) for record in records_of(table)]
        ok = np.array([not verdict.violations for verdict in verdicts], dtype=bool)
        return ok, {i: verdict for i, verdict in enumerate(verdicts) if verdict is not HOLDS}

    def _count(self, table: Any, rows: Mapping[int, Verdict], n: int) -> None:
        if any(verdict.drifted for verdict in rows.values()):
            self._compiled.counts.drifted(
                violation for verdict in rows.values() for violation in verdict.drifted
            )
        names = table.columns if is_frame(table) else self._order
        if not self._compiled.plan.keys >= set(names):
            self._compiled.counts.undeclared(n)

    def counts(self) -> Mapping[tuple[str, str], int]:
        """How often the schema drifted in this process, by (field, kind); undeclared fields count as one field."""
        return self._compiled.counts.snapshot()

    def order(self) -> tuple[Any, ...]:
        """Field names by position, for arrays."""
        return tuple(self._order)

    def explain(self) -> tuple[str, ...]:
        """Clause by clause, who judges it: compiled, by pandera (and its cost), or batch only."""
        exact = self._options.semantics == "pandera"
        return explained(self._compiled.plan, self._settled, exact=exact)


def _example_records(examples: object, order: Sequence[Any]) -> list[dict[Any, Any]]:
    if examples is None:
        return []
    try:
        return [as_dict(record, order) for record in islice(records_of(examples), _MOST_EXAMPLES)]
    except TypeError as error:
        kind = type(examples).__name__
        raise ConfigurationError.of("examples", kind, f"must be a table of records; {error}") from None


def _positions(fields: Sequence[str] | None, schema: Any) -> tuple[Any, ...]:
    """The keys by position, for arrays."""
    plain = {key: column for key, column in schema.columns.items() if not column.regex}
    if fields is None:
        return tuple(plain)
    keys = {str(key): key for key in plain}
    names = names_of("fields", fields)
    required = [str(key) for key, column in plain.items() if column.required]
    if not set(required) <= set(names) or len(set(names)) < len(names):
        raise ConfigurationError.of(
            "fields", names, "must name each required field once, in the order of the array"
        )
    return tuple(keys.get(name, name) for name in names)


def contract_of(value: object, parameter: str = "contract") -> Contract | None:
    """What a guard was given as a contract.

    Raises:
        ConfigurationError: it is neither a `Contract`, nor a pandera model or schema, nor None.
    """
    if value is None or isinstance(value, Contract):
        return value
    schema_of(value, parameter)
    return Contract(value)

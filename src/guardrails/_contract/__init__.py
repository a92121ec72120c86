"""The check step: a pandera schema, compiled once, judges records and tables row by row."""

from ._contract import Contract, contract_of
from ._output import OutputCheck, output_of
from ._records import columns_of, field_of, is_frame, is_table, length_of, record_at, record_of, rows_of
from ._verdict import HOLDS, UNCHANGED, TableVerdict, Verdict

__all__ = [
    "HOLDS",
    "UNCHANGED",
    "Contract",
    "OutputCheck",
    "TableVerdict",
    "Verdict",
    "columns_of",
    "contract_of",
    "field_of",
    "is_frame",
    "is_table",
    "length_of",
    "output_of",
    "record_at",
    "record_of",
    "rows_of",
]

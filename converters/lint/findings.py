"""What lint says: a finding about an op or a graph, a verdict on each op, and the report of both.

In: nothing but values. Out: frozen tuples and the lines that people read. Not here: the rules (``runtimes.py``,
``edgetpu.py``).
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from converters.graphs.reader import Op

Level = Literal["error", "warning", "note"]
"""Error: it would fail on that board. Warning: it runs, slower or not as you may think. Note: good to know."""


class Finding(NamedTuple):
    """One thing that a person should know."""

    level: Level
    kind: str
    """``version``, ``kernel``, ``type``, ``shape``, ``rank``, ``state``, ``custom``, ``edgetpu``, ``compiler``, or
    ``unconfirmed`` for a rule that no public document states."""
    what: str
    """What is the matter."""
    advice: str
    """What to do."""
    op: Op | None = None
    """The op that it is about; None: the graph."""

    def __str__(self) -> str:
        """``error: op 12 GATHER v1: what: advice``."""
        return f"{self.level}: {title(self.op) + ': ' if self.op else ''}{self.what}: {self.advice}"


class Verdict(NamedTuple):
    """Where one op runs."""

    op: Op
    where: Literal["edgetpu", "cpu"]
    """Where it would run on that board."""
    reason: str = ""
    """Why not on the Edge TPU; empty when it is there, or when the board has none."""


class Report(NamedTuple):
    """All that lint found in one graph for one board."""

    board: str
    """Name of the profile."""
    findings: tuple[Finding, ...]
    """Errors first."""
    verdicts: tuple[Verdict, ...]
    """One per op, in order."""
    summary: str
    """One sentence."""
    compiler: Any = None
    """What ``edgetpu_compiler`` said (``compiler.CompilerLog``); None when it did not run."""

    @property
    def fails(self) -> bool:
        """Something would fail on that board."""
        return any(one.level == "error" for one in self.findings)

    def document(self) -> dict[str, Any]:
        """The report as JSON takes it."""
        return {
            "profile": self.board,
            "ok": not self.fails,
            "summary": self.summary,
            "findings": [
                {
                    "level": one.level,
                    "kind": one.kind,
                    "op": None if one.op is None else one.op.index,
                    "name": None if one.op is None else one.op.custom or one.op.name,
                    "version": None if one.op is None else one.op.version,
                    "what": one.what,
                    "advice": one.advice,
                }
                for one in self.findings
            ],
            "ops": [
                {"op": v.op.index, "name": v.op.custom or v.op.name, "version": v.op.version, "where": v.where}
                | ({"reason": v.reason} if v.reason else {})
                for v in self.verdicts
            ],
            "compiler": None if self.compiler is None else self.compiler.document(),
        }


def title(op: Op) -> str:
    """``op 12 GATHER v1``, counted from 0 as the file does; the name of a custom op where it has one."""
    return f"op {op.index} {op.custom or op.name} v{op.version}"

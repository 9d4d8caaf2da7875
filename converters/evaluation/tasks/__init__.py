"""The tasks of an evaluation, one module each; see the README beside for how to add one.

In: a ``Context``. Out: a ``Result``. A module declares ``TITLE``, ``NEEDS`` (paths below the data folder that must be
there), ``SENSES`` (modalities the bundle must have) and ``run(context)``. Here: their names in the order of the report,
and what they share. Not here: the command line.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from converters.evaluation.results import Result
from edge_mm.errors import ConvertError, UsageError
from edge_mm.models.bundle import Bundle

TASKS = (
    "faces", "yawns", "eyes", "head_pose", "qrs", "beats", "rhythm", "ppg", "breathing", "sounds", "wearables",
    "false_alerts", "int8",
)  # fmt: skip
"""Modules of this package."""
T = TypeVar("T")
QUICK_RECORDS = 2
"""Records, people or clips of each kind in a quick evaluation."""


class Context:
    """What every task gets."""

    def __init__(
        self, bundle: Bundle, data: Path, *, quick: bool = False, progress: Callable[..., Any] | None = None
    ) -> None:
        """Begin an evaluation.

        Args:
            bundle: what is evaluated.
            data: the folder that ``NEEDS`` are below.
            quick: few recordings of each kind, to see that all works; not a measurement.
            progress: ``tqdm`` or the like: called with an iterable and ``desc``.
        """
        self.bundle, self.data, self.quick = bundle, data, quick
        self._progress = progress
        self._made: dict[str, Any] = {}

    def few(self, items: Sequence[Any], count: int = QUICK_RECORDS) -> list[Any]:
        """All of them, or in a quick evaluation ``count`` spread over them."""
        if not self.quick or len(items) <= count:
            return list(items)
        return [items[i * (len(items) - 1) // max(count - 1, 1)] for i in range(count)]

    def each(self, items: Sequence[Any], what: str) -> Any:
        """Go over the items, with a progress bar where one is wanted."""
        return items if self._progress is None else self._progress(items, desc=what)

    def once(self, key: str, make: Callable[[], T]) -> T:
        """``make()``, the first time; tasks that read the same recordings share what the monitor said to them."""
        if key not in self._made:
            self._made[key] = make()
        return cast("T", self._made[key])


class Task(Protocol):
    """A module of this package."""

    TITLE: str
    NEEDS: tuple[str, ...]
    SENSES: tuple[str, ...]

    def run(self, context: Context) -> Result:
        """Measure."""
        ...


def task(name: str) -> Task:
    """The module of a task.

    Raises:
        UsageError: there is no such task.
    """
    if name not in TASKS:
        raise UsageError(f"no task {name!r:.60}; choose from {', '.join(TASKS)}")
    return cast("Task", importlib.import_module(f"{__name__}.{name}"))


def evaluate(context: Context, names: Sequence[str] = TASKS) -> list[Result]:
    """Run tasks one after the other; one whose data or senses are absent says so.

    Raises:
        UsageError: an unknown task; nothing was run then.
        ConvertError: recordings that are there cannot be read.
    """
    results = []
    for name, module in [(name, task(name)) for name in names]:
        absent = _absent(module, context)
        begin = time.process_time()
        if absent:
            result = Result(name, module.TITLE, absent=absent)
        else:
            try:
                result = module.run(context)
            except ModuleNotFoundError as error:
                result = Result(name, module.TITLE, absent=f"not evaluated: the package {error.name} is not installed")
            except (OSError, ValueError, KeyError, IndexError, TypeError) as error:  # whatever half a data set does
                text = " ".join(str(error).split())[:200]
                raise ConvertError(
                    f"task {name}: its recordings below {context.data} cannot be read: {text}"
                ) from error
        result.seconds = time.process_time() - begin
        results.append(result)
    return results


def _absent(module: Task, context: Context) -> str:
    lacking = [sense for sense in module.SENSES if context.bundle.front_end(sense) is None]
    if lacking:
        return f"not evaluated: the bundle has no {', '.join(lacking)}"
    missing = [path for path in module.NEEDS if not (context.data / path).exists()]
    return f"not evaluated: no {', '.join(missing)}" if missing else ""

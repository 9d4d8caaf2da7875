"""Float against int8: what each graph lost when it was converted, as the bundle itself records it.

Read: ``conversion.json`` of the bundle, which ``edge-mm-convert build`` wrote after it had judged each int8 graph
against the float model on held-out rows (``converters.evaluation.gate``). The monitor runs int8 graphs only, so the
float side cannot be measured from the bundle; nothing is measured again here.
"""

from __future__ import annotations

import json

from converters.evaluation.results import Result, Row, Target
from converters.evaluation.tasks import Context
from edge_mm.errors import BundleError

TITLE = "Float against int8"
NEEDS: tuple[str, ...] = ()
SENSES: tuple[str, ...] = ()
MEMBER = "conversion.json"
LIMIT = Target("<=", 0.01)


def run(context: Context) -> Result:
    """One row per graph.

    Raises:
        BundleError: the record is not what ``build`` writes.
    """
    result = Result("int8", TITLE)
    if not context.bundle.has(MEMBER):
        result.absent = f"not evaluated: no {MEMBER} in the bundle (build it with edge-mm-convert build)"
        return result
    try:
        graphs = json.loads(context.bundle.member(MEMBER))["graphs"]
        for name in sorted(graphs):
            one = graphs[name]
            if one.get("loss_pp") is None:
                continue
            low, high = (number / 100 for number in one["interval_pp"])
            of = f"{one['rows']} rows of {one['groups']} groups" if one.get("groups") else f"{one['rows']} rows"
            note = f"{one['float_percent']:.2f} % in float, {one['percent']:.2f} % in int8"
            result.rows.append(
                Row("int8", "held-out rows of the build", f"{name}: loss of {one['metric']}", one["loss_pp"] / 100, "1",
                    low, high, "paired bootstrap over groups (converters.evaluation.bootstrap)", of, LIMIT, note)
            )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{context.bundle.source}: {MEMBER} is not what build writes: {error}") from error
    return result

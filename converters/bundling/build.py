"""The whole chain: a plan, its graphs, the gate, the boards' budgets, one bundle.

In: ``RECIPE.toml``. Out: ``NAME-VERSION.edgemm``, written only when every graph passes its gate, runs in every runtime
that it is promised for, and fits the boards; a report. A second run takes everything from the cache and does not import
TensorFlow. Not here: what happens to one graph (``chain``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from converters.bundling.budget import Cost, cost, total
from converters.bundling.cache import Cache
from converters.bundling.chain import Made, make
from converters.bundling.golden import golden
from converters.bundling.plan import Plan, Work, graph_file, read_plan
from converters.conversion.child import Converter
from converters.package import npz, write_bundle
from converters.recipes import Recipe, as_table, versions
from edge_mm.errors import ConvertError
from edge_mm.models.archive import arrays
from edge_mm.models.bundle import MAX_BYTES, SCHEMA, GraphSpec, Manifest
from edge_mm.models.profile import load_profile

REPORT = "conversion.json"
"""Member of the bundle that says how each graph was made and what it lost."""


class Built(NamedTuple):
    """What a build came to."""

    path: Path | None
    """The bundle; None where it was refused."""
    graphs: list[Made]
    costs: dict[str, Cost]
    refused: list[str]
    """Why there is no bundle."""
    profiles: tuple[str, ...]
    """Boards whose budgets hold."""
    recipes: dict[str, Recipe]
    """Name -> recipe, of all that were followed."""

    def report(self) -> dict[str, Any]:
        """As plain data, without times: what made each graph, and what it came to."""
        return {
            "graphs": {made.name: {**made.report, **_without_bytes(self.costs[made.name])} for made in self.graphs},
            "total": total(self.costs)._asdict(),
            "profiles": list(self.profiles),
            "recipes": {name: as_table(recipe) for name, recipe in self.recipes.items()},
            "versions": dict(versions()),
        }


def build(
    path: Path,
    out: Path,
    *,
    cache: Path,
    profiles: Sequence[str] = (),
    say: Callable[[str], None] = lambda text: None,
    accept: Callable[[Sequence[Made]], None] = lambda graphs: None,
) -> Built:
    """Build a bundle.

    Args:
        path: the plan.
        out: folder of the bundle; made if absent.
        cache: folder of what was made before.
        profiles: boards whose budgets must hold, besides those of the plan.
        say: is told what is being made.
        accept: is shown the graphs before they are packed; what it raises ends the build.

    Raises:
        ConvertError: the plan is wrong; a model or its rows cannot be converted; a runtime refuses a graph.
        ConfigError: no such profile.
        BundleError: the bundle is too large, or fails its self-test.
    """
    plan, works = read_plan(path)
    boards = tuple(dict.fromkeys([*plan.profiles, *profiles]))
    for board in boards:
        load_profile(board)  # a name that does not exist is said before minutes of work
    kept = Cache(cache)
    with Converter() as converter:
        graphs = [make(work, kept, converter, say) for work in works]
    accept(graphs)
    costs = {made.name: cost(made.content) for made in graphs}
    refused = [f"{made.name}: {text}" for made in graphs for text in made.refused]
    done = Built(None, graphs, costs, refused, boards, {work.recipe.name: work.recipe for work in works})
    members = _members(path.parent, plan, works, done)
    size = sum(map(len, members.values()))
    everything = total(costs)
    for board in boards:
        found = load_profile(board).over_budget(
            bundle_bytes=size, macs=everything.macs, arena_bytes=everything.arena_bytes
        )
        refused += [f"{board}: {text}" for text in found]
    if refused:
        return done._replace(refused=refused)
    say("packing")
    return done._replace(path=_pack(path.parent, out, plan, works, done, members=members))


def _members(folder: Path, plan: Plan, works: list[Work], done: Built) -> dict[str, bytes]:
    members = {graph_file(made.name): made.content for made in done.graphs}
    given = {}
    if plan.golden:
        content = _read(folder / plan.golden)
        try:
            given = arrays(content, max_bytes=MAX_BYTES)
        except ValueError as error:
            raise ConvertError(f"{folder / plan.golden}: {error}; write it with numpy.savez") from error
    stateful = {work.name: work.plan.stateful for work in works}
    sample = golden({made.name: made.content for made in done.graphs}, given, stateful)
    members["golden.npz"] = npz({key: np.asarray(value) for key, value in sample.items()})
    for name, file in plan.members.items():
        members[name] = _read(folder / file)
    members[REPORT] = json.dumps(done.report(), indent=1, sort_keys=True).encode()
    return members


def _pack(folder: Path, out: Path, plan: Plan, works: list[Work], done: Built, *, members: dict[str, bytes]) -> Path:
    from edge_mm.perception.selftest import self_test

    front_ends: dict[str, dict[str, Any]] = {}
    if plan.front_ends:
        try:
            front_ends = msgspec.json.decode(_read(folder / plan.front_ends), type=dict[str, dict[str, Any]])
        except msgspec.DecodeError as error:
            raise ConvertError(f"{folder / plan.front_ends}: {error}") from error
    manifest = Manifest(
        schema=SCHEMA, name=plan.name, version=plan.version, window_s=plan.window_s, hop_s=plan.hop_s,
        modalities=plan.modalities, heads=plan.heads, front_ends=front_ends, files={}, min_quality=plan.min_quality,
        min_coverage=plan.min_coverage, licence=plan.licence, data_card=plan.data_card, boards=list(done.profiles),
        graphs={
            work.name: GraphSpec(
                file=graph_file(work.name), stateful=work.plan.stateful, recipe=work.recipe.name,
                macs=done.costs[work.name].macs, arena_bytes=done.costs[work.name].arena_bytes,
            )
            for work in works
        },
    )  # fmt: skip
    return write_bundle(manifest, members, out, max_bytes=plan.max_bytes, check=self_test)


def _without_bytes(one: Cost) -> dict[str, int]:
    return {"macs": one.macs, "arena_bytes": one.arena_bytes}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConvertError(f"{path}: {error.strerror}") from error

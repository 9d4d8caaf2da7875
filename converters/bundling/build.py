"""The whole chain: a plan, its graphs, the gate, the boards' budgets, one bundle.

In: ``RECIPE.toml``. Out: ``NAME-VERSION.edgemm``, written only when every graph passes its gate, runs in every runtime
that it is promised for, and fits the boards; a report. A second run takes everything from the cache and does not import
TensorFlow. Not here: what happens to one graph (``chain``).
"""

from __future__ import annotations

import json
import tempfile
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
from converters.conversion.files import read_file
from converters.conversion.trial import RUNTIMES, find_runtime
from converters.graphs.reader import read_graph
from converters.package import npz, packed, write_bundle
from converters.recipes import Recipe, as_table, versions
from edge_mm.errors import BundleError, ConvertError
from edge_mm.models.archive import arrays
from edge_mm.models.bundle import MAX_BYTES, SCHEMA, Bundle, GraphSpec, Manifest
from edge_mm.models.profile import load_profile
from edge_mm.perception.fusion import GRAPH as FUSION
from edge_mm.perception.fusion import Fusion
from edge_mm.perception.selftest import self_test

REPORT = "conversion.json"
"""Member of the bundle that says how each graph was made and what it lost."""


NOT_RUN = (
    "edge-mm run does not take this bundle: no parameters for the fusion; give them with front_ends, as the README of "
    "converters/bundling shows (your own code may load it as it is)"
)


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
    note: str = ""
    """Why only code of one's own and not ``edge-mm run`` takes the bundle; empty where both do."""

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
        BundleError: the bundle is too large, fails its self-test, or cannot be written.
    """
    plan, works = read_plan(path)
    boards = {board: load_profile(board) for board in (*plan.profiles, *profiles)}
    papers = _papers(path.parent, plan)
    check_folder(out, "the bundle")
    check_folder(cache, "results")
    _check_runtimes(works)
    kept = Cache(cache)
    with Converter() as converter:
        graphs = [make(work, kept, converter, say) for work in works]
    accept(graphs)
    costs = {made.name: cost(made.content) for made in graphs}
    refused = [f"{made.name}: {text}" for made in graphs for text in made.refused]
    done = Built(None, graphs, costs, refused, tuple(boards), {work.recipe.name: work.recipe for work in works})
    manifest, members = _manifest(plan, works, done, papers), _members(works, done, papers)
    size, everything = len(packed(manifest, members)), total(costs)
    over = {
        board: one.over_budget(bundle_bytes=size, macs=everything.macs, arena_bytes=everything.arena_bytes)
        for board, one in boards.items()
    }
    refused += [f"{board}: {text}" for board, texts in over.items() for text in texts]
    if refused:
        return done._replace(profiles=tuple(board for board, texts in over.items() if not texts))
    say("packing")
    written = write_bundle(manifest, members, out, max_bytes=plan.max_bytes, check=check_bundle)
    return done._replace(path=written, note="" if FUSION in papers.front_ends else NOT_RUN)


def check_bundle(bundle: Bundle) -> None:
    """Whether the bundle says of itself what is so; one that has what ``edge-mm run`` needs must run there."""
    self_test(bundle)
    says = read_graph(bundle.graph(FUSION)).signature_outputs
    for head in bundle.manifest.heads:
        if head not in says:
            raise BundleError(f"{bundle.source}: heads has {head!r}, the fusion graph says {', '.join(says)}")
    if bundle.front_end(FUSION) is not None:
        Fusion(bundle)


def check_folder(folder: Path, what: str) -> None:
    """Whether something can be written into a folder that may not be there yet; to be asked before hours of work.

    Raises:
        ConvertError: it cannot.
    """
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise ConvertError(f"{folder}: {what} cannot be written there: {there}: {error.strerror}") from error


def _check_runtimes(works: Sequence[Work]) -> None:
    """A runtime that is not here would only be missed after the conversion."""
    for work in works:
        for name in work.recipe.runtimes:
            if find_runtime(name) is None:
                raise ConvertError(
                    f"{work.name}: recipe {work.recipe.name} wants the graph tried in {RUNTIMES[name]}, which is not "
                    "here: run 'edge-mm-convert runtimes --install', or leave it out of the recipe's runtimes"
                )


class _Papers(NamedTuple):
    """What goes into the bundle as it is."""

    front_ends: dict[str, dict[str, Any]]
    golden: dict[str, Any]
    members: dict[str, bytes]


def _papers(folder: Path, plan: Plan) -> _Papers:
    front_ends, sample = {}, {}
    if plan.front_ends:
        try:
            front_ends = msgspec.json.decode(read_file(folder / plan.front_ends), type=dict[str, dict[str, Any]])
        except (ValueError, RecursionError) as error:  # ValueError: msgspec's own errors, and text that is not UTF-8
            raise ConvertError(f"{folder / plan.front_ends}: {error}") from error
    if plan.golden:
        try:
            sample = arrays(read_file(folder / plan.golden), max_bytes=MAX_BYTES)
        except ValueError as error:
            raise ConvertError(f"{folder / plan.golden}: {error}; write it with numpy.savez") from error
    return _Papers(front_ends, sample, {name: read_file(folder / file) for name, file in plan.members.items()})


def _members(works: Sequence[Work], done: Built, papers: _Papers) -> dict[str, bytes]:
    graphs = {made.name: made.content for made in done.graphs}
    sample = golden(graphs, papers.golden, {work.name: work.plan.stateful for work in works})
    return {
        **papers.members,
        **{graph_file(name): content for name, content in graphs.items()},
        "golden.npz": npz({key: np.asarray(value) for key, value in sample.items()}),
        REPORT: json.dumps(done.report(), indent=1, sort_keys=True).encode(),
    }


def _manifest(plan: Plan, works: Sequence[Work], done: Built, papers: _Papers) -> Manifest:
    return Manifest(
        schema=SCHEMA, name=plan.name, version=plan.version, window_s=plan.window_s, hop_s=plan.hop_s,
        modalities=list(plan.modalities), heads=list(plan.heads), front_ends=papers.front_ends, files={},
        min_quality=plan.min_quality, min_coverage=plan.min_coverage, licence=plan.licence, data_card=plan.data_card,
        boards=list(done.profiles),
        graphs={
            work.name: GraphSpec(
                file=graph_file(work.name), stateful=work.plan.stateful, recipe=work.recipe.name,
                macs=done.costs[work.name].macs, arena_bytes=done.costs[work.name].arena_bytes,
            )
            for work in works
        },
    )  # fmt: skip


def _without_bytes(one: Cost) -> dict[str, int]:
    return {"macs": one.macs, "arena_bytes": one.arena_bytes}

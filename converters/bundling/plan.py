"""The plan of a bundle: ``RECIPE.toml`` of ``edge-mm-convert build``, checked before anything is run.

In: a TOML file; paths in it are relative to it. Out: a frozen ``Plan``. Not here: recipes (``converters.recipes``),
doing any of it (``chain``, ``build``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from converters.evaluation.metrics import parse_metric
from converters.recipes import Recipe, changes_model, load_recipe
from edge_mm.errors import ConfigError, ConvertError
from edge_mm.models.bundle import MAX_BYTES, MAX_MEMBERS, Share, Stretch, Word
from edge_mm.models.tables import decode, read_toml

OWN_MEMBERS = ("manifest.json", "golden.npz", "conversion.json")
"""What ``build`` writes itself."""
MODELS, ROWS, JUDGED = (".keras", ".tflite"), (".npz", ".npy"), (".npz",)
"""Endings of models, of rows, and of rows with targets."""


class GraphPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One graph: ``[graphs."vision.eye"]``."""

    model: str
    """Trained model: ``.keras``, SavedModel folder or float ``.tflite``; the student where the recipe distils."""
    representative: str
    """Rows to calibrate with, from the training side: ``.npz`` or ``.npy``."""
    evaluation: str
    """Held-out rows with targets: ``.npz``."""
    metric: str = ""
    """``accuracy:classes``, ``f1:...``, ``auroc:...``, ``within:points:0.05``; empty: what fits the targets."""
    recipe: str = ""
    """Name or ``.toml``; empty: that of the plan."""
    training: str = ""
    """Rows to fine-tune on, where the recipe prunes, distils or trains; empty: the representative rows."""
    teacher: str = ""
    """Of a recipe that distils: ``.keras`` or ``.tflite``."""
    stateful: bool = False
    """A fused LSTM, whose state is reset before every invoke."""
    output_snr_db: dict[str, float] = {}
    """Another floor of the signal-to-noise ratio for an output of this graph."""


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bundle to be built."""

    name: Word
    version: Annotated[str, Meta(pattern=r"^[0-9A-Za-z.+-]{1,64}\Z")]
    """Semantic version."""
    window_s: Stretch
    """Length of a fusion window, seconds."""
    hop_s: Stretch
    """Seconds from one window to the next."""
    modalities: Annotated[tuple[Word, ...], Meta(min_length=1, max_length=16)]
    """In the order of the fusion graph's presence vector."""
    heads: Annotated[tuple[Word, ...], Meta(max_length=64)]
    """Outputs of the fusion graph besides ``alpha``."""
    front_ends: str = ""
    """JSON file: modality -> parameters of its front end."""
    golden: str = ""
    """``.npz`` with ``GRAPH/in/NAME`` of a freely available sample; empty: waves by formula."""
    recipe: str = "int8-static"
    """Of the graphs that name none."""
    profiles: tuple[str, ...] = ()
    """Boards whose budgets must hold; ``--profile`` adds to them."""
    min_quality: Share = 0.25
    """Embeddings below this do not enter the fusion."""
    min_coverage: Share = 0.25
    """A modality that covers less of a window than this counts as absent."""
    licence: str = ""
    """Of the weights."""
    data_card: str = ""
    """One paragraph: what it was trained on."""
    max_bytes: Annotated[int, Meta(gt=0, le=MAX_BYTES)] = 2 * 1024 * 1024
    """A larger bundle is refused."""
    members: dict[str, str] = {}
    """More members: name in the bundle -> file (``model_card.md``, ``report.json``)."""
    graphs: dict[str, GraphPlan] = {}
    """Name -> graph; one is called ``fusion``."""


class Work(msgspec.Struct, frozen=True):
    """One graph with its paths resolved and its recipe read."""

    name: str
    plan: GraphPlan
    recipe: Recipe
    model: Path
    representative: Path
    evaluation: Path
    training: Path
    teacher: Path | None


def read_plan(path: Path) -> tuple[Plan, list[Work]]:
    """The plan and its graphs.

    Raises:
        ConvertError: the file is wrong, a file that it names is not there, a recipe does not exist or cannot be
            followed.
    """
    if not path.is_file():
        raise ConvertError(f"{path}: no such plan; 'edge-mm-convert build --help' shows one")
    try:
        raw = dict(read_toml(path))
        tables = raw.pop("graphs", {})
        plan = decode(raw, Plan, file=str(path))
        if not isinstance(tables, Mapping) or not tables:
            raise ConvertError(f'{path}: no graphs: give a table [graphs."NAME"] for each')
        graphs = {name: decode(table, GraphPlan, file=f"{path}: graphs.{name}") for name, table in tables.items()}
    except ConfigError as error:
        raise ConvertError(str(error)) from error
    if "fusion" not in graphs:
        raise ConvertError(
            f"{path}: no graph called 'fusion'; a bundle needs one (single graphs: edge-mm-convert quantize)"
        )
    plan = msgspec.structs.replace(plan, graphs=graphs)
    _check(path, plan)
    works = [_work(path, plan, name) for name in graphs]
    recipes = {work.recipe.name: work.recipe for work in works}
    for work in works:
        if recipes[work.recipe.name] != work.recipe:
            raise ConvertError(
                f"{path}: graphs.{work.name}: another recipe is called {work.recipe.name} too: rename one"
            )
    return plan, works


def graph_file(name: str) -> str:
    """Member of a graph in the bundle."""
    return "fusion.tflite" if name == "fusion" else f"encoders/{name}.tflite"


def _check(path: Path, plan: Plan) -> None:
    """What would only be found after minutes of work."""
    if plan.hop_s > plan.window_s:
        raise ConvertError(f"{path}: hop_s {plan.hop_s:g} is longer than window_s {plan.window_s:g}")
    for key in ("modalities", "heads"):
        names = getattr(plan, key)
        if len(set(names)) < len(names):
            raise ConvertError(f"{path}: {key}: the same name twice in {', '.join(names)}")
    count = len(plan.graphs) + len(plan.members) + len(OWN_MEMBERS)
    if count > MAX_MEMBERS:
        raise ConvertError(f"{path}: {count} members, a bundle has at most {MAX_MEMBERS}: take some out of members")
    for name in plan.graphs:
        if not re.fullmatch(r"[a-z0-9_]{1,32}(\.[a-z0-9_]{1,32})?", name):
            raise ConvertError(f"{path}: graphs.{name!r}: call it like 'fusion' or 'vision.eye'")
    taken = {*OWN_MEMBERS, *map(graph_file, plan.graphs)}
    for name, file in plan.members.items():
        if name in taken or not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)?", name):
            raise ConvertError(
                f"{path}: members.{name!r}: "
                + ("build writes that itself" if name in taken else "call it like 'model_card.md' or 'docs/data.md'")
            )
        _there(path, f"members.{name}", file)
    for key in ("front_ends", "golden"):
        if getattr(plan, key):
            _there(path, key, getattr(plan, key))


def _work(path: Path, plan: Plan, name: str) -> Work:
    graph, where = plan.graphs[name], f"{path}: graphs.{name}"
    recipe = _recipe(path, graph.recipe or plan.recipe, f"{where}.recipe" if graph.recipe else f"{path}: recipe")
    if recipe.distill and not graph.teacher:
        raise ConvertError(f"{where}: recipe {recipe.name} distils: name a teacher")
    if changes_model(recipe) and not graph.model.endswith(".keras"):
        raise ConvertError(f"{where}: recipe {recipe.name} changes the model: give a .keras file")
    if recipe.quantize.mode == "dynamic-range" and graph.model.endswith(".tflite"):
        raise ConvertError(
            f"{where}: recipe {recipe.name} makes its graph of the model: give a .keras file or a SavedModel folder"
        )
    if graph.metric:
        try:
            parse_metric(graph.metric)
        except ConvertError as error:
            raise ConvertError(f"{where}: {error}") from error
    files = {
        "model": (graph.model, MODELS),
        "representative": (graph.representative, ROWS),
        "evaluation": (graph.evaluation, JUDGED),
        "training": (graph.training or graph.representative, ROWS),
        "teacher": (graph.teacher, MODELS),
    }
    found = {
        key: _there(path, f"graphs.{name}.{key}", value, endings, folder=key == "model")
        for key, (value, endings) in files.items()
        if value
    }
    return Work(
        name, graph, recipe, found["model"], found["representative"], found["evaluation"], found["training"],
        found.get("teacher"),
    )  # fmt: skip


def _recipe(path: Path, name: str, where: str) -> Recipe:
    try:
        return load_recipe(str(path.parent / name) if name.endswith(".toml") else name)
    except ConvertError as error:
        raise ConvertError(f"{where}: {error}") from error


def _there(path: Path, where: str, value: str, endings: tuple[str, ...] = (), *, folder: bool = False) -> Path:
    found = path.parent / value
    if not found.exists():
        raise ConvertError(f"{path}: {where}: {found} is not there")
    if found.is_dir() and not folder:
        raise ConvertError(f"{path}: {where}: {found} is a folder, a file is needed")
    if endings and found.is_file() and found.suffix not in endings:
        raise ConvertError(f"{path}: {where}: {found} does not end in {' or '.join(endings)}")
    return found

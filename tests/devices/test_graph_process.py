"""Graphs in a process of their own: real graphs that never end, real libraries that crash, real processes."""

import os
import signal
from itertools import pairwise

import numpy as np
import pytest
from children import children
from hanging_bundle import hanging_sound_graph
from hanging_graph import crashing_delegate, failing_graph, hanging_graph

from edge_mm.errors import BundleError, GraphLost
from edge_mm.models.bundle import load_bundle
from edge_mm.monitor import Monitor
from edge_mm.perception.graph_process import BUDGET, GraphProcess
from edge_mm.types import NS_PER_S, Observation, Sample, StreamSpec, Tick

pytestmark = pytest.mark.devices
ANSWER = {"said": np.array([[1.0, 2.0, 3.0]], np.float32)}
QUIET, LOUD = np.zeros((1, 4), np.float32), np.full((1, 4), 5.0, np.float32)


def endless():
    return hanging_graph("x", (1, 4), ANSWER, limit=1.0)


class Host:
    """A process that hears of its own changes."""

    def __init__(self, **options):
        self.said: list[str] = []
        self.process = GraphProcess(tell=lambda state, text: self.said.append(f"{state}: {text}"), **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.close()

    def until_well(self, graph):
        """Run it on silence until it answers again."""
        for _ in range(BUDGET):
            try:
                return graph(x=QUIET)["said"].tolist()
            except GraphLost:
                self.process.settle()
        raise AssertionError(self.said)


@pytest.fixture
def host():
    with Host(deadline_s=0.5) as one:
        yield one


def test_a_graph_answers_as_it_does_in_this_process(host, bundle):
    rng = np.random.default_rng(0)
    from edge_mm.perception.litert import load_graph

    here, there = load_graph(bundle, "audio.encoder"), load_graph(bundle.hosted(host.process), "audio.encoder")
    assert (dict(here.inputs), dict(here.outputs)) == (dict(there.inputs), dict(there.outputs))
    for _ in range(5):
        given = rng.normal(0, 1, (1, 96, 40, 1)).astype(np.float32)
        ours, theirs = here(log_mel=given), there(log_mel=given)
        assert all(np.array_equal(ours[key], theirs[key]) for key in ours)


def test_a_graph_that_hangs_is_ended_after_its_deadline_and_replaced_while_nobody_waits(host):
    graph = host.process.graph("mine", endless(), stateful=False)
    assert graph(x=QUIET)["said"].tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(GraphLost, match=r"graph mine: it has not answered within 0.5 s"):
        graph(x=LOUD)
    with pytest.raises(GraphLost, match="is being replaced"):
        graph(x=QUIET)
    assert host.until_well(graph) == [1.0, 2.0, 3.0]
    assert [line.partition(":")[0] for line in host.said] == ["lost", "live"]
    assert host.process.replaced == 1


def test_a_graph_that_hangs_again_and_again_is_given_up_and_the_others_go_on(host):
    bad = host.process.graph("bad", endless(), stateful=False)
    good = host.process.graph("good", hanging_graph("x", (1, 4), ANSWER, limit=100.0), stateful=False)
    for _ in range(BUDGET):
        with pytest.raises(GraphLost, match="has not answered"):
            bad(x=LOUD)
        host.until_well(good)
    with pytest.raises(GraphLost, match="3 times in 10 minutes: given up"):
        bad(x=QUIET)
    assert good(x=LOUD)["said"].tolist() == [1.0, 2.0, 3.0]
    assert host.said[-1].startswith("degraded: graph bad")


def test_a_process_that_is_killed_from_outside_is_replaced(host):
    graph = host.process.graph("mine", endless(), stateful=False)
    os.kill(children()[-1], signal.SIGKILL)
    with pytest.raises(GraphLost, match="has ended"):
        graph(x=QUIET)
    assert host.until_well(graph) == [1.0, 2.0, 3.0]


def test_an_input_of_another_shape_is_refused_and_the_process_is_well(host):
    graph = host.process.graph("mine", endless(), stateful=False)
    with pytest.raises(BundleError, match="must have shape"):
        graph(x=np.zeros(7, np.float32))
    assert graph(x=QUIET)["said"].tolist() == [1.0, 2.0, 3.0]
    assert host.process.replaced == 0


def test_what_is_no_graph_is_refused(host):
    with pytest.raises(BundleError, match="graph mine"):
        host.process.graph("mine", b"no flatbuffer at all", stateful=False)


@pytest.mark.parametrize("at", ["create", "prepare"])
def test_a_delegate_that_crashes_is_replaced_by_the_cpu_and_that_is_announced(at, tmp_path):
    library = crashing_delegate(tmp_path, at=at)
    with Host(delegate=library) as host:
        graph = host.process.graph("mine", endless(), stateful=False)
        assert graph(x=QUIET)["said"].tolist() == [1.0, 2.0, 3.0]
        assert host.said == [
            f"degraded: graph mine on {library}: it ends or holds up the process that loads it; goes on on the CPU"
        ]


def test_a_delegate_that_hangs_later_is_replaced_by_the_cpu(tmp_path):
    with Host(delegate=crashing_delegate(tmp_path, at="nothing"), deadline_s=0.5) as host:
        graph = host.process.graph("mine", endless(), stateful=False)
        with pytest.raises(GraphLost):
            graph(x=LOUD)
        assert host.until_well(graph) == [1.0, 2.0, 3.0]
        assert [line.partition(":")[0] for line in host.said] == ["degraded", "degraded"]
        assert "goes on on the CPU" in host.said[-1]


def test_a_library_that_is_no_delegate_is_replaced_by_the_cpu_and_that_is_announced(tmp_path):
    with Host(delegate=str(tmp_path / "libabsent.so")) as host:
        graph = host.process.graph("mine", endless(), stateful=False)
        assert graph(x=QUIET)["said"].tolist() == [1.0, 2.0, 3.0]
        assert "libabsent.so" in host.said[0]


def test_the_monitor_goes_on_without_a_sense_whose_graph_hangs_and_has_it_back_afterwards(host):
    monitor = Monitor(
        load_bundle("driver").with_graph("audio.encoder", hanging_sound_graph()).hosted(host.process),
        [StreamSpec("mic", "audio", 16_000.0, "full scale"), StreamSpec("hr", "heart_rate", 1.0, "bpm")],
    )
    rng = np.random.default_rng(0)
    heard: list[tuple[float, str]] = []
    for i in range(200):
        t_ns = i * NS_PER_S // 10
        tone = 0.5 * np.sin(np.arange(1600) * 2 * np.pi / 16) if i == 50 else 0.0
        block = (rng.normal(0, 0.001, 1600) + tone).astype(np.float32)
        outputs = monitor.push(Sample("mic", t_ns, block, 16_000.0)) + monitor.push(Tick(t_ns))
        if i % 10 == 0:
            outputs += monitor.push(Sample("hr", t_ns, np.array([70.0], np.float32), 1.0))
        heard += [(i / 10, one.stream) for one in outputs if isinstance(one, Observation)]
        if i == 80:  # a recording is faster than a process starts
            host.process.settle()
    assert host.process.replaced == 1
    beats = [at for at, stream in heard if stream == "hr"]
    assert beats == [float(second) for second in range(20) for _ in ("rate", "quality")]
    sounds = [at for at, stream in heard if stream == "mic"]
    assert min(sounds) < 5 < max(sounds)
    assert max(later - now for now, later in pairwise(sounds)) > 1.0  # absent meanwhile


def test_a_graph_that_fails_with_inputs_that_fit_is_absent_and_not_the_end(host):
    graph = host.process.graph("mine", failing_graph("x", (1, 4), "said"), stateful=False)
    assert graph(x=QUIET)["said"].tolist() == 7.0
    with pytest.raises(GraphLost, match="graph mine: it failed"):
        graph(x=np.full((1, 4), 1e6, np.float32))
    assert host.until_well(graph) == 7.0
    assert host.said[0].startswith("lost: graph mine: it failed")


def test_a_graph_that_hangs_on_its_golden_sample_is_a_bundle_that_does_not_load(host):
    graph = hanging_graph(
        "log_mel", (1, 96, 40, 1), {"classes": np.zeros((1, 7)), "embedding": np.zeros((1, 32))}, limit=0
    )
    with pytest.raises(BundleError, match=r"has not answered within 0\.5 s; that was its golden sample"):
        Monitor(load_bundle("driver").with_graph("audio.encoder", graph).hosted(host.process))
    assert host.process.replaced == 2  # it was given a second chance: an accelerator would have been left meanwhile


def test_a_delegate_that_crashes_while_a_bundle_is_loaded_is_replaced_by_the_cpu_for_all_its_graphs(tmp_path):
    with Host(delegate=crashing_delegate(tmp_path, at="prepare"), deadline_s=0.5) as host:
        Monitor(load_bundle("driver").hosted(host.process))
        assert [line.partition(":")[0] for line in host.said] == ["degraded"]

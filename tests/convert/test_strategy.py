"""Two workers on loopback take the steps that one takes; early stopping keeps the best weights."""

import json
import os
import socket
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from edge_mm.errors import UsageError

TRAIN = textwrap.dedent(
    """
    import json, sys
    import numpy as np
    from converters.training.strategy import Strategy
    over = Strategy(sys.argv[1])
    import keras
    from converters.dataset import DataSet
    from converters.training.finetune import FineTune, learn
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 6)).astype("f4")
    y = (x[:, :1] + x[:, 1:2] * x[:, 2:3] > 0).astype("f4")
    keras.utils.set_random_seed(1)
    with over.scope():
        inputs = keras.Input((6,), name="x")
        hidden = keras.layers.Dense(16, activation="tanh")(inputs)
        model = keras.Model(inputs, {"yes": keras.layers.Dense(1, activation="sigmoid", name="yes")(hidden)})
    data = DataSet({"x": x}, {"yes": y}, None, "")
    losses = learn(model, data, taught={}, plan=FineTune(8, 64, 1e-2, seed=3), strategy=over)
    with over.scope():  # Adam does not see the size of a gradient, plain descent does
        plain = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, kernel_initializer="zeros")])
        descent = keras.optimizers.SGD(0.1)
        descent.build(plain.trainable_variables)
    step = over.step(
        lambda a, b: keras.ops.mean(keras.ops.square(plain(a) - b)), plain.trainable_variables,
        lambda gradients: descent.apply(gradients, plain.trainable_variables),
    )
    for _ in range(5):
        step(x, y)
    weights = plain.get_weights()[0][:, 0].tolist()
    from converters import fusion
    fusion.EPOCHS = 2
    yes, there = y, np.ones((256, 2), "f4")
    table = fusion.Table(
        ("a", "b"), ("yes",), {"a": x, "b": x[:, ::-1].copy(), "presence": there}, yes, 0 * there,
        np.stack([yes, yes], axis=1), there,
    )
    fused = fusion.train(table, seed=0, strategy=over)
    said = fused.predict(table.inputs, verbose=0)["yes"][:5, 0].tolist() if over.chief else []  # no other is asked
    which = {"replicas": over.replicas, "chief": over.chief}
    print(json.dumps({**which, "losses": losses, "said": said, "weights": weights}))
    """
)


def start(strategy, config=None):
    said = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    said.pop("TF_CONFIG", None)
    if config is not None:
        said["TF_CONFIG"] = json.dumps(config)
    return subprocess.Popen([sys.executable, "-c", TRAIN, strategy], env=said, stdout=subprocess.PIPE, text=True)


def report(process):
    out, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    return json.loads(out.splitlines()[-1])


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def test_two_workers_reach_the_loss_of_one():
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    both = [
        start("workers", {"cluster": {"worker": workers}, "task": {"type": "worker", "index": i}}) for i in range(2)
    ]
    first, second = map(report, both)
    alone = report(start("one"))
    assert (first["replicas"], second["replicas"], alone["replicas"]) == (2, 2, 1)
    assert (first["chief"], second["chief"], alone["chief"]) == (True, False, True)
    assert first["losses"] == second["losses"]
    assert np.allclose(first["losses"], alone["losses"], rtol=1e-4)
    assert alone["losses"][-1] < 0.8 * alone["losses"][0]
    assert np.allclose(first["weights"], alone["weights"], rtol=1e-4)
    assert np.allclose(first["said"], alone["said"], atol=1e-3)


@pytest.mark.parametrize(
    "config", ["", "{", "[]", '{"cluster":{}}', '{"cluster":{"worker":["a:1"]},"task":{"type":"worker","index":7}}']
)
def test_workers_that_are_not_named_are_refused(monkeypatch, config):
    from converters.training.strategy import Strategy

    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(UsageError, match="TF_CONFIG must name"):
        Strategy("workers")
    with pytest.raises(UsageError, match="must be one of"):
        Strategy("many")


def test_training_stops_when_strangers_no_longer_gain_and_keeps_the_best():
    import keras

    from converters.dataset import DataSet
    from converters.training.finetune import FineTune, learn
    from converters.training.watch import Watch

    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 20)).astype("f4")
    y = (x[:, :1] + rng.normal(size=(60, 1)) > 0).astype("f4")  # so few rows that a net learns them by heart
    keras.utils.set_random_seed(0)
    inputs = keras.Input((20,), name="x")
    hidden = keras.layers.Dense(64, activation="relu")(inputs)
    model = keras.Model(inputs, {"yes": keras.layers.Dense(1, activation="sigmoid", name="yes")(hidden)})
    seen, unseen = (DataSet({"x": x[part]}, {"yes": y[part]}, None, "") for part in (slice(40), slice(40, 60)))
    plan = FineTune(200, 16, 1e-2, label_weight=1.0, seed=0)
    with Watch(model, unseen, taught={}, plan=plan, patience=5) as watch:
        losses = learn(model, seen, taught={}, plan=plan, on_epoch=watch.epoch)
    assert len(losses) == watch.best + 5 < 200
    assert watch.losses[watch.best] == min(watch.losses) < watch.losses[-1]
    said = np.clip(np.asarray(model(unseen.inputs["x"])["yes"]), 1e-7, 1 - 1e-7)
    wanted = unseen.targets["yes"]
    kept = -(wanted * np.log(said) + (1 - wanted) * np.log(1 - said)).mean()
    assert kept == pytest.approx(watch.losses[watch.best], rel=1e-4)

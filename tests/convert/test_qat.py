"""Training with the rounding of int8 in the way helps where conversion alone hurts, and leaves a plain float model."""

import numpy as np
import pytest

from edge_mm.errors import ConvertError
from edge_mm.perception.litert import Graph

TRAINED = 1200


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    loaded = load_digits()
    return (loaded.images[..., None] / 16).astype(np.float32), loaded.target.astype(np.int64)


def rows(digits):
    from converters.dataset import DataSet

    image, labels = digits
    return DataSet({"image": image[:TRAINED]}, {"classes": labels[:TRAINED]}, None, "digits")


@pytest.fixture(scope="module")
def uneven(digits):
    """A depthwise-separable net on digits, folded, then rescaled on purpose.

    Channel by channel a layer is multiplied by 1/16 to 16 and the next one divided by the same: through a ReLU the
    float net says what it said before, but int8 has one step for all channels of a tensor.
    """
    import keras
    from keras import layers

    from converters.training.finetune import FineTune, finetune
    from converters.training.folding import fold_batch_norm

    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 1), name="image")

    def block(layer, x):
        return layers.ReLU()(layers.BatchNormalization()(layer(x)))

    x = block(layers.Conv2D(16, 3, padding="same", use_bias=False, name="first"), image)
    x = block(layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="across"), x)
    x = layers.MaxPooling2D()(block(layers.Conv2D(24, 1, use_bias=False, name="point"), x))
    x = block(layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="across2"), x)
    x = block(layers.Conv2D(24, 1, use_bias=False, name="point2"), x)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, {"classes": layers.Dense(10, activation="softmax")(x)})
    finetune(model, rows(digits), teacher=None, plan=FineTune(epochs=15, rate=1e-2))
    folded = fold_batch_norm(model)
    before = said(folded, digits[0])
    rng = np.random.default_rng(1)
    for name, after in (("first", "across"), ("across", "point"), ("across2", "point2")):
        layer, following = folded.get_layer(name), folded.get_layer(after)
        factors = (2.0 ** rng.uniform(-4, 4, layer.bias.shape[0])).astype(np.float32)
        depthwise = isinstance(layer, layers.DepthwiseConv2D)
        layer.kernel.assign(np.asarray(layer.kernel) * (factors[:, None] if depthwise else factors))
        layer.bias.assign(np.asarray(layer.bias) * factors)
        following.kernel.assign(np.asarray(following.kernel) / factors[:, None])
    assert np.abs(said(folded, digits[0]) - before).max() < 1e-4
    return folded


def said(model, image):
    return np.asarray(model(image, training=False)["classes"])


def int8(model, image):
    """The int8 graph of a model, calibrated on 150 training images."""
    from converters.conversion.int8 import quantize_graph
    from converters.conversion.keras_graph import float_graph

    samples = [{"image": image[i : i + 1]} for i in range(150)]
    return Graph(quantize_graph(float_graph(model), samples), name="digits")


def all_of(graph, image):
    return np.stack([graph(image=image[i : i + 1])["classes"] for i in range(len(image))])


def snr(real, ours):
    return 10 * np.log10(np.square(real).mean() / np.square(real - ours).mean())


def share(answers, labels):
    return float((answers.argmax(axis=1) == labels).mean())


def test_int8_after_qat_is_better_than_int8_without_where_channels_are_uneven(digits, uneven):
    from converters.training.finetune import FineTune, finetune
    from converters.training.folding import fold_batch_norm
    from converters.training.qat import quantization_aware
    from converters.training.teachers import keras_teacher

    image, labels = digits
    plan = FineTune(epochs=8, rate=1e-3)
    learnt = quantization_aware(uneven, rows(digits), teacher=keras_teacher(uneven), plan=plan)
    # as much training without the rounding: what is better must not come from the training alone
    control = fold_batch_norm(uneven)
    finetune(control, rows(digits), teacher=keras_teacher(uneven), plan=plan)
    unseen, truth = image[TRAINED:], labels[TRAINED:]
    real = said(uneven, unseen)
    plain, trained, aware = (all_of(int8(m, image), unseen) for m in (uneven, control, learnt))
    for name, answers in (("float", real), ("int8", plain), ("fine-tuned int8", trained), ("QAT int8", aware)):
        print(f"{name}: {100 * share(answers, truth):.1f} % right, {snr(real, answers):.1f} dB")
    assert share(real, truth) > 0.93
    assert share(plain, truth) < share(real, truth) - 0.05
    assert share(aware, truth) > max(share(plain, truth), share(trained, truth)) + 0.03
    assert snr(real, aware) > max(snr(real, plain), snr(real, trained)) + 3


def test_the_model_that_comes_back_is_plain_and_the_one_that_went_in_unchanged(digits, uneven):
    from converters.training.finetune import FineTune
    from converters.training.qat import quantization_aware

    before = [weight.copy() for weight in uneven.get_weights()]
    few = rows(digits).rows(np.arange(128))
    learnt = quantization_aware(uneven, few, teacher=None, plan=FineTune(epochs=1))
    assert [type(one) for one in learnt.layers] == [type(one) for one in uneven.layers]
    assert [tensor.name for tensor in learnt.inputs] == ["image"]
    assert set(learnt.output) == {"classes"}
    assert all(np.array_equal(a, b) for a, b in zip(before, uneven.get_weights(), strict=True))
    assert not np.array_equal(before[0], learnt.get_weights()[0])
    again = quantization_aware(uneven, few, teacher=None, plan=FineTune(epochs=1))
    assert all(np.array_equal(a, b) for a, b in zip(learnt.get_weights(), again.get_weights(), strict=True))


def test_weights_that_were_pruned_stay_zero(digits, uneven):
    from converters.training.finetune import FineTune
    from converters.training.folding import fold_batch_norm
    from converters.training.qat import quantization_aware

    sparse = fold_batch_norm(uneven)
    kernel = sparse.get_layer("point").kernel
    holes = np.random.default_rng(0).random(kernel.shape) < 0.5
    kernel.assign(np.where(holes, 0, kernel))
    few = rows(digits).rows(np.arange(128))
    learnt = np.asarray(
        quantization_aware(sparse, few, teacher=None, plan=FineTune(epochs=1)).get_layer("point").kernel
    )
    assert (learnt[holes] == 0).all()
    assert (learnt[~holes] != 0).all()
    assert not np.array_equal(learnt, kernel)


def test_the_rounding_in_training_is_that_of_the_int8_graph(digits, uneven):
    """Where int8 is far from float, the net that we train is near int8: it feels what the graph will do."""
    from converters.training.qat import rounded_twin

    image = digits[0]
    graph = all_of(int8(uneven, image), image[:300])
    twin = said(rounded_twin(uneven, rows(digits).rows(np.arange(150))), image[:300])
    print(f"float against int8 {snr(said(uneven, image[:300]), graph):.1f} dB, twin {snr(graph, twin):.1f} dB")
    assert snr(graph, twin) > snr(said(uneven, image[:300]), graph) + 10


def test_a_net_of_many_kinds_of_layers_is_near_its_int8_graph_too():
    """Residual sum, fused and unfused activations, Conv1D, an unrolled LSTM, two inputs, a list of outputs."""
    import keras
    from keras import layers

    from converters.conversion.int8 import quantize_graph
    from converters.conversion.keras_graph import float_graph
    from converters.dataset import DataSet
    from converters.training.finetune import FineTune
    from converters.training.folding import fold_batch_norm
    from converters.training.qat import quantization_aware, rounded_twin
    from converters.training.teachers import keras_teacher

    keras.utils.set_random_seed(0)
    wave, extra = keras.Input((32, 4), name="wave"), keras.Input((3,), name="extra")
    x = layers.Conv1D(8, 5, padding="causal", activation="relu")(wave)
    y = layers.BatchNormalization()(layers.Conv1D(8, 3, padding="same")(x))
    x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.Conv1D(8, 3, strides=2, activation="tanh")(layers.Dropout(0.1)(x))
    state = layers.LSTM(4, unroll=True)(layers.RepeatVector(2)(extra))
    said_of_extra = layers.Dense(4, activation="sigmoid")(extra)
    x = layers.Concatenate()([layers.GlobalAveragePooling1D()(x), said_of_extra, state])
    hidden = layers.BatchNormalization(name="hidden")(layers.Dense(6)(x))
    score = layers.Dense(1, name="score")(layers.LeakyReLU()(hidden))
    model = keras.Model([wave, extra], [score, hidden])
    rng = np.random.default_rng(0)
    inputs = {
        name: rng.normal(size=(200, *shape)).astype(np.float32) for name, shape in (("wave", (32, 4)), ("extra", (3,)))
    }
    data = DataSet(inputs, {}, None, "noise")
    keras_model = keras_teacher(model)(inputs)
    folded = fold_batch_norm(model)
    assert folded.output_names == model.output_names == ["score", "hidden"]
    twin = keras_teacher(rounded_twin(folded, data))(inputs)
    graph = Graph(quantize_graph(float_graph(folded), [data.sample(i) for i in range(200)]), name="kinds")
    rounded = {name: np.stack([graph(**data.sample(i))[name] for i in range(200)]) for name in graph.outputs}
    for name, ours in twin.items():
        print(name, snr(keras_model[name], rounded[name]), snr(rounded[name], ours))
        assert snr(rounded[name], ours) > snr(keras_model[name], rounded[name]) - 3
        assert snr(keras_model[name], ours) > 25
    learnt = quantization_aware(model, data, teacher=keras_teacher(model), plan=FineTune(epochs=1, rate=1e-4))
    assert learnt.output_names == ["score", "hidden"]


def test_what_does_not_fit_is_refused(digits, uneven):
    from converters.dataset import DataSet
    from converters.training.finetune import FineTune
    from converters.training.qat import quantization_aware

    good = rows(digits)
    cases = [
        (good, {"weight_bits": 2}, "weight bits 2: must be from 4 to 8"),
        (DataSet(good.inputs, {}, None, ""), {}, "nothing to learn from"),
        (DataSet({"picture": digits[0]}, {}, None, ""), {}, "no data for input 'image'; there is picture"),
        (DataSet({"image": digits[0] * np.nan}, {}, None, ""), {}, "1797 of 1797 rows"),
    ]
    for data, options, sentence in cases:
        with pytest.raises(ConvertError, match=sentence):
            quantization_aware(uneven, data, teacher=None, plan=FineTune(epochs=1), **options)

"""A picture and its words in one small net: why attention, and not only a concatenation.

The seed article's example (a CNN of 64x64 pictures, Embedding and LSTM of text, concatenated, a sigmoid) beside the
attention of the reference bundles (``converters/fusion.py``: ``alpha = softmax(W h)``). Both become int8 graphs through
``converters.conversion`` and are judged as the board runs them (``edge_mm.perception.litert``), with a picture or a
text spoilt in ways that were in training, except one (a text that belongs to something else).

The task: is a mathematical sign mirrored in right-to-left text, as ``<`` is and ``+`` is not? Picture: the sign as the
fonts inside the matplotlib wheel draw it (DejaVu, Bitstream Vera licence; STIX, SIL OFL; ``mpl-data/fonts/ttf``). Text:
its name in the Unicode Character Database (Unicode licence v3), which Python carries, as it does the answer
(``unicodedata.mirrored``). Nothing is downloaded. Whole columns of the code charts, 16 neighbours that are variants of
one shape, are held out, so no sign of a held-out column was seen in any font.

What comes out (seed 0, 300 held-out signs, AUROC, int8): clean 0.906 concatenated, 0.893 with attention;
text garbled 0.637 and 0.840, where the picture alone has 0.847. A text of another sign fools both (0.61, 0.64): nothing
in it gives it away.

Needs ``pip install 'edge-mm[convert]'``. Run: ``python examples/image_text_classifier.py [--out FOLDER] [--seed N]``;
leaves ``concat.tflite``, ``attention.tflite``, for each the table of its Embedding (``concat.npy``, ``attention.npy``:
looked up outside the graph, which reads vectors because our int8 conversion takes float inputs only), ``table.json``
and ``attention.png``.
"""

import argparse
import json
import os
import sys
import tempfile
import unicodedata
import zlib
from pathlib import Path

import numpy as np

SIZE, WORDS, BUCKETS, WIDTH, HIDDEN = 64, 10, 1024, 16, 32
FONTS = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif", "STIXGeneral",
    "STIXGeneralBol",
)  # fmt: skip
CATEGORIES = ("Sm", "Ps", "Pe")
CONDITIONS = ("clean", "picture blank", "picture noise", "text missing", "text garbled", "text of another")
REACH = 3.0  # as in converters/fusion.py: a bounded score survives int8


def tokens(text):
    """(WORDS,) int32: each lower-cased word hashed by crc32 to a bucket; no vocabulary. 0 is padding, in front."""
    found = [zlib.crc32(word.encode()) % (BUCKETS - 1) + 1 for word in text.lower().replace("-", " ").split()][-WORDS:]
    return np.array([0] * (WORDS - len(found)) + found, np.int32)


def signs():
    """Pictures (n, 64, 64, 1) 0..1, words (n, WORDS), answers (n,), code points (n,): a row for each sign and font."""
    import matplotlib
    from matplotlib.ft2font import FT2Font
    from PIL import Image, ImageDraw, ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    pictures, words, answers, codes = [], [], [], []
    for name in FONTS:
        path = str(folder / f"{name}.ttf")
        font = ImageFont.truetype(path, 44)
        for code in sorted(FT2Font(path).get_charmap()):
            sign = chr(code)
            if unicodedata.category(sign) not in CATEGORIES or not unicodedata.name(sign, ""):
                continue
            canvas = Image.new("L", (SIZE, SIZE))
            ImageDraw.Draw(canvas).text((SIZE // 2, SIZE // 2 + 16), sign, fill=255, font=font, anchor="ms")
            pictures.append(np.asarray(canvas, np.float32)[..., None] / 255)
            words.append(tokens(unicodedata.name(sign)))
            answers.append(unicodedata.mirrored(sign))
            codes.append(code)
    return np.stack(pictures), np.stack(words), np.array(answers, np.float32), np.array(codes)


def held_out(codes, seed):
    """Mask of the rows of a third of the code charts' columns, one row for each sign: the first font that has it."""
    columns = np.unique(codes // 16)
    aside = np.random.default_rng(seed).permutation(columns)[: len(columns) // 3]
    first = np.zeros(len(codes), bool)
    first[np.unique(codes, return_index=True)[1]] = True
    test = np.isin(codes // 16, aside)
    return ~test, test & first


def spoilt(condition, pictures, words, rng):
    """The rows with one of the two spoilt."""
    if condition == "picture blank":
        pictures = np.zeros_like(pictures)
    elif condition == "picture noise":
        pictures = rng.random(pictures.shape, np.float32)
    elif condition == "text missing":
        words = np.zeros_like(words)
    elif condition == "text garbled":
        words = np.where(words > 0, rng.integers(1, BUCKETS, words.shape), 0).astype(np.int32)
    elif condition == "text of another":
        words = np.roll(words, len(words) // 2, axis=0)
    return pictures, words


def build(kind, seed, *, unroll=False):
    """``concat`` or ``attention``: the whole net on word numbers, and the part behind the Embedding, for the board."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    picture, vectors = keras.Input((SIZE, SIZE, 1), name="picture"), keras.Input((WORDS, WIDTH), name="vectors")
    # 4x4 pixels become 16 channels: an int8 convolution over one channel is slower than in float
    x = layers.Reshape((SIZE // 4, 4, SIZE // 4, 4))(picture)
    x = layers.Reshape((SIZE // 4, SIZE // 4, 16))(layers.Permute((1, 3, 2, 4))(x))
    for filters in (24, 32, 48):
        x = layers.Conv2D(filters, 3, strides=1 if filters == 24 else 2, padding="same", use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Dropout(0.4)(layers.Flatten()(x))
    y = layers.Dropout(0.3)(layers.LSTM(24, unroll=unroll)(layers.Dropout(0.2)(vectors)))
    hidden = [layers.Dense(HIDDEN, activation="tanh", name=f"project_{n}")(v) for n, v in (("picture", x), ("text", y))]
    answer = layers.Dense(1, activation="sigmoid", name="answer")
    if kind == "concat":
        outputs = {"answer": answer(layers.Concatenate()(hidden))}
    else:
        scores = [layers.Dense(1, activation="tanh", name=f"score_{j}")(h) for j, h in enumerate(hidden)]
        alpha = layers.Softmax(name="alpha")(layers.Rescaling(REACH)(layers.Concatenate()(scores)))
        fused = layers.Add()([layers.Multiply()([alpha[:, j : j + 1], h]) for j, h in enumerate(hidden)])
        outputs = {"answer": answer(fused), "alpha": alpha, "picture_alone": answer(hidden[0]),
                   "text_alone": answer(hidden[1])}  # fmt: skip
    behind = keras.Model([picture, vectors], outputs)
    words = keras.Input((WORDS,), dtype="int32", name="words")
    whole = keras.Model(
        [picture, words], behind([picture, layers.Embedding(BUCKETS, WIDTH, name="words_table")(words)])
    )
    return whole, behind


def train(kind, rows, *, epochs, seed, corrupt=True):
    """Train; ``corrupt`` spoils one of the two in half of the rows of a batch, in four of the five ways."""
    import keras
    import tensorflow as tf
    from tqdm import trange

    pictures, words, answers = rows
    whole, behind = build(kind, seed)
    rng = np.random.default_rng(seed)
    steps = len(answers) // 64
    optimizer = keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(3e-3, steps * epochs), weight_decay=1e-2)
    loss_of = keras.losses.binary_crossentropy

    @tf.function
    def step(x, w, truth, bad):
        with tf.GradientTape() as tape:
            said = whole([x, w], training=True)
            loss = tf.reduce_mean(loss_of(truth, said["answer"]))
            if kind == "attention":  # what each sense says alone, and no attention for what is spoilt
                loss += tf.reduce_mean(tf.reduce_sum(said["alpha"] * bad, axis=1))
                for j, name in enumerate(("picture_alone", "text_alone")):
                    loss += 0.5 * tf.reduce_mean((1 - bad[:, j]) * loss_of(truth, said[name]))
        optimizer.apply_gradients(
            zip(tape.gradient(loss, whole.trainable_variables), whole.trainable_variables, strict=True)
        )

    for _ in trange(epochs, desc=f"{kind}{'' if corrupt else ', clean pairs only'}", file=sys.stderr):
        order = rng.permutation(len(answers))
        for k in range(steps):
            chosen = order[k * 64 : k * 64 + 64]
            x, w, bad = pictures[chosen], words[chosen], np.zeros((64, 2), np.float32)
            x = np.roll(x, rng.integers(-4, 5, 2), axis=(1, 2))
            for j, condition in enumerate(CONDITIONS[1:5] if corrupt else ()):
                part = slice(8 * j, 8 * j + 8)
                x[part], w[part] = spoilt(condition, x[part], w[part], rng)
                bad[part, j // 2] = 1
            step(tf.constant(x), tf.constant(w), tf.constant(answers[chosen, None]), tf.constant(bad))
    return whole, behind


def to_int8(kind, nets, rows, path, converter):
    """Write the int8 graph, calibrated with rows of the training side, spoilt ones too; gives the Embedding's table."""
    import keras

    from converters.conversion.one import quantized
    from converters.recipes import load_recipe

    table = np.asarray(nets[0].get_layer("words_table").get_weights()[0], np.float32)
    behind = build(kind, 0, unroll=True)[1]  # int8 calibration cannot take a loop
    behind.set_weights(nets[1].get_weights())
    names = [name for name in behind.output if not name.endswith("_alone")]
    board = keras.Model(behind.inputs, {name: behind.output[name] for name in names})
    rng = np.random.default_rng(0)
    parts = [spoilt(c, rows[0][k::6][:60].copy(), rows[1][k::6][:60].copy(), rng) for k, c in enumerate(CONDITIONS[:5])]
    calibrate = [
        {"picture": picture[None], "vectors": table[words][None]}
        for x, w in parts
        for picture, words in zip(x, w, strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.keras"
        board.save(model)
        floats = converter.float_graph(model)
        path.write_bytes(quantized(converter, model, floats, calibrate, load_recipe("int8-static")))
    return board, table


def judge(answers, probability):
    """AUROC and accuracy at 0.5."""
    from sklearn.metrics import roc_auc_score

    return {
        "auroc": round(float(roc_auc_score(answers, probability)), 3),
        "accuracy": round(float(np.mean((probability > 0.5) == answers)), 3),
    }


def plot(alphas, path):
    """Mean attention under each condition."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 3.5), layout="constrained")
    share = np.array([alphas[c] for c in CONDITIONS])
    axes.barh(CONDITIONS, share[:, 0], label="picture")
    axes.barh(CONDITIONS, share[:, 1], left=share[:, 0], label="text")
    axes.invert_yaxis()
    axes.set(xlabel="mean attention (int8, held-out signs)", xlim=(0, 1))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.18), ncols=2, frameon=False)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)


def arguments():
    words = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    words.add_argument(
        "--out", type=Path, default=Path("image_text"), help="folder for what is made (default: %(default)s)"
    )
    words.add_argument("--seed", type=int, default=0, help="of the split, the weights and the spoiling (default: 0)")
    words.add_argument("--epochs", type=int, default=12, help="passes over the training side (default: 12)")
    args = words.parse_args()
    if args.epochs < 1 or args.seed < 0:
        words.error("--epochs must be at least 1 and --seed at least 0")
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        words.error(f"--out {args.out}: {error.strerror}; name a folder that can be written")
    return args


def main():
    args = arguments()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    try:
        import tensorflow as tf
    except ImportError:
        raise SystemExit("this example trains a net: pip install 'edge-mm[convert]'") from None
    from converters.conversion.child import Converter
    from edge_mm.perception.litert import Graph

    tf.config.experimental.enable_op_determinism()
    pictures, names, answers, codes = signs()
    learn, test = held_out(codes, args.seed)
    rows = pictures[learn], names[learn], answers[learn]
    count, share = len(np.unique(codes[learn])), answers[test].mean()
    print(f"{len(rows[2])} pictures of {count} signs to learn from; {test.sum()} held out, {share:.0%} mirrored")
    article = train("concat", rows, epochs=args.epochs, seed=args.seed, corrupt=False)[0]
    concat = train("concat", rows, epochs=args.epochs, seed=args.seed)
    attention = train("attention", rows, epochs=args.epochs, seed=args.seed)
    graphs = {}
    with Converter() as converter:  # one child for both: it imports TensorFlow
        for name, nets in (("concat", concat), ("attention", attention)):
            path = args.out / f"{name}.tflite"
            board, vectors = to_int8(name, nets, rows, path, converter)
            np.save(path.with_suffix(".npy"), vectors)
            graphs[name] = (board, vectors, Graph(path.read_bytes(), name=name))

    table, alphas = {}, {}
    for k, condition in enumerate(CONDITIONS):
        x, w = spoilt(condition, pictures[test], names[test], np.random.default_rng(args.seed + k))
        floats = attention[0].predict([x, w], verbose=0)
        said = {"article": article.predict([x, w], verbose=0)["answer"][:, 0], "picture": floats["picture_alone"][:, 0],
                "text": floats["text_alone"][:, 0], "attention_float": floats["answer"][:, 0],
                "concat_float": concat[0].predict([x, w], verbose=0)["answer"][:, 0]}  # fmt: skip
        for name, (_, vectors, graph) in graphs.items():
            out = [graph(picture=p, vectors=vectors[v]) for p, v in zip(x, w, strict=True)]
            said[name] = np.array([o["answer"][0] for o in out])
            if name == "attention":
                alphas[condition] = np.mean([o["alpha"] for o in out], axis=0).round(3).tolist()
        table[condition] = {name: judge(answers[test], p) for name, p in said.items()}
    (args.out / "table.json").write_text(json.dumps({"table": table, "alpha": alphas}, indent=1) + "\n")
    plot(alphas, args.out / "attention.png")
    columns = ("picture", "text", "article", "concat", "attention")
    print("\nAUROC / accuracy; picture, text: one alone; article: concatenation, trained on clean pairs, float;\n"
          "concat, attention: trained with spoilt rows too, int8 as the board runs them\n")  # fmt: skip
    print(f"{'':16}" + "".join(f"{c:>15}" for c in columns) + "   alpha picture, text")
    for condition, row in table.items():
        cells = "".join(f"{row[c]['auroc']:>7.3f} / {row[c]['accuracy']:.3f}" for c in columns)
        print(f"{condition:16}{cells}   {alphas[condition][0]:.2f}, {alphas[condition][1]:.2f}")
    print(f"\nwritten to {args.out}: {', '.join(sorted(p.name for p in args.out.iterdir()))}")


if __name__ == "__main__":
    main()

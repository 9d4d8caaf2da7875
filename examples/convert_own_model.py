"""A net of your own on its way to a board: train it, convert it, see what int8 cost, ask what a board makes of it.

Needs the extra: ``pip install 'edge-mm[convert]'``. Run: ``python examples/convert_own_model.py [FOLDER]``; everything
that it makes lies in the folder afterwards (default: ``digits``). The net reads scikit-learn's handwritten digits;
nothing in it knows edge-mm. Yours only has to be saved by ``model.save("NAME.keras")``.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

LEARN = 1000


def train(folder):
    """Write ``digits.keras``, rows to calibrate with from the training side, and held-out rows with labels."""
    import keras
    from keras import layers
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8, 1).astype(np.float32) / 16
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 1), name="image")
    x = layers.Conv2D(16, 3, padding="same", use_bias=False)(image)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(x)
    model = keras.Model(image, {"digit": layers.Dense(10, activation="softmax", name="digit")(layers.Flatten()(x))})
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(images[:LEARN], labels[:LEARN], epochs=15, batch_size=32, verbose=0)
    model.save(folder / "digits.keras")
    np.savez(folder / "calibrate.npz", image=images[:300])
    np.savez(folder / "learn.npz", image=images[:LEARN], digit=labels[:LEARN])
    np.savez(folder / "held_out.npz", image=images[LEARN:], digit=labels[LEARN:])


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "digits")
    folder.mkdir(parents=True, exist_ok=True)
    model, graph = str(folder / "digits.keras"), str(folder / "digits.tflite")
    calibrate, learn, held_out = (str(folder / f"{name}.npz") for name in ("calibrate", "learn", "held_out"))
    train(folder)
    for words in (
        ["runtimes", "--install"],
        ["quantize", model, "--representative", calibrate],
        ["compare", model, graph, "--data", held_out, "--html", str(folder / "digits.html"), "--gate"],
        ["lint", graph, "--profile", "raspberry-pi-4"],
        [
            "prune",
            model,
            "--recipe",
            "channels-50",
            "--data",
            learn,
            "--out",
            str(folder / "small.keras"),
        ],
    ):
        print("\n$ edge-mm-convert", *words, flush=True)
        subprocess.run([sys.executable, "-m", "converters.cli", *words], check=True)


if __name__ == "__main__":
    main()

"""Writes keras_graphs.json: in what order real Keras lists the layers, weights and calls of random functional models.

Run with an environment that has Keras 3: ``KERAS_BACKEND=tensorflow python tests/figures/keras_graphs.py``.
"""

import importlib
import json
import pathlib
import random

SEEDS = 20


def model(keras, seed):
    """A random functional model, the same for any implementation of Keras."""
    layers, draw = keras.layers, random.Random(seed)
    keras.backend.clear_session()
    inputs = [keras.Input((4,), name=f"in{index}") for index in range(draw.randint(1, 3))]
    pool = list(inputs)
    shared = [layers.Dense(4, name=f"shared{index}") for index in range(2)]
    for index in range(draw.randint(4, 14)):
        kind = draw.random()
        if kind < 0.35:
            layer, given = layers.Dense(4, name=f"dense{index}"), draw.choice(pool)
        elif kind < 0.5:
            layer, given = draw.choice(shared), draw.choice(pool)
        elif kind < 0.7:
            layer, given = layers.Add(name=f"add{index}"), [draw.choice(pool), draw.choice(pool)]
        elif kind < 0.8:
            layer, given = layers.Activation("relu", name=f"relu{index}"), draw.choice(pool)
        elif kind < 0.9:
            inner = keras.Input((4,))
            layer = keras.Model(inner, layers.Dense(4, name="inside")(inner), name=f"model{index}")
            given = draw.choice(pool)
        else:
            layer, given = layers.Subtract(name=f"subtract{index}"), [draw.choice(pool), draw.choice(pool)]
        pool.append(layer(given))
    made = pool[len(inputs) :]
    outputs = draw.sample(made, min(len(made), draw.randint(1, 3)))
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs if len(outputs) > 1 else outputs[0])


def described(model):
    """What files depend on."""
    config = model.get_config()

    def histories(node):
        first = node["args"][0]
        return [tensor["config"]["keras_history"] for tensor in (first if isinstance(first, list) else [first])]

    return {
        "layers": [layer.name for layer in model.layers],
        "weights": [weight.path for weight in model.weights],
        "inputs": config["input_layers"],
        "outputs": config["output_layers"],
        "calls": {layer["name"]: [histories(node) for node in layer["inbound_nodes"]] for layer in config["layers"]},
    }


if __name__ == "__main__":
    keras = importlib.import_module("keras")
    found = [described(model(keras, seed)) for seed in range(SEEDS)]
    pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(found) + "\n")

"""Makes training.npz: what real Keras 3's losses, metrics, optimizers and schedules compute.

Run with a Python that has keras, for example ``KERAS_BACKEND=jax python tests/figures/training.py``. The file holds the
inputs, the results, and (as JSON in `cases`) which class with which arguments made which result.
"""

import json
import pathlib

import numpy as np

import keras

random = np.random.default_rng(7)


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return (e / e.sum(-1, keepdims=True)).astype("float32")


logits = random.normal(size=(12, 5)).astype("float32") * 2
INPUTS = {
    "number": (random.normal(size=(12, 5)), random.normal(size=(12, 5))),
    "positive": (random.uniform(0.1, 2, (12, 5)), random.uniform(0.1, 2, (12, 5))),
    "binary": (random.integers(0, 2, (12, 5)), random.uniform(0.01, 0.99, (12, 5))),
    "binary_logit": (random.integers(0, 2, (12, 5)), logits),
    "onehot": (np.eye(5)[random.integers(0, 5, 12)], softmax(logits)),
    "onehot_logit": (np.eye(5)[random.integers(0, 5, 12)], logits),
    "sparse": (random.integers(0, 5, 12), softmax(logits)),
    "sparse_logit": (random.integers(0, 5, 12), logits),
    "sign": (random.choice([-1, 1], (12, 5)), random.normal(size=(12, 5))),
    "certain": (np.array([[0.0], [1.0], [1.0], [0.0]]), np.array([[0.0], [1.0], [0.0], [1.0]])),
    "equal": (random.integers(0, 3, (12, 5)), random.integers(0, 3, (12, 5))),
}
INPUTS = {
    name: (
        true if true.dtype.kind == "i" and name.startswith("sparse") else true.astype("float32"),
        pred.astype("float32"),
    )
    for name, (true, pred) in INPUTS.items()
}
WEIGHT = random.uniform(0, 2, 12).astype("float32")

LOSSES = [
    ("MeanSquaredError", {}, "number"),
    ("MeanAbsoluteError", {}, "number"),
    ("MeanAbsolutePercentageError", {}, "number"),
    ("MeanSquaredLogarithmicError", {}, "positive"),
    ("Huber", {}, "number"),
    ("Huber", {"delta": 0.4}, "number"),
    ("LogCosh", {}, "number"),
    ("CosineSimilarity", {}, "number"),
    ("CosineSimilarity", {"axis": 0}, "number"),
    ("KLDivergence", {}, "onehot"),
    ("Poisson", {}, "positive"),
    ("Hinge", {}, "sign"),
    ("Hinge", {}, "binary"),
    ("SquaredHinge", {}, "sign"),
    ("CategoricalHinge", {}, "onehot"),
    ("BinaryCrossentropy", {}, "binary"),
    ("BinaryCrossentropy", {}, "certain"),
    ("BinaryCrossentropy", {"from_logits": True}, "binary_logit"),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}, "binary"),
    ("BinaryFocalCrossentropy", {"gamma": 1.5}, "binary"),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "from_logits": True}, "binary_logit"),
    ("CategoricalCrossentropy", {}, "onehot"),
    ("CategoricalCrossentropy", {"from_logits": True}, "onehot_logit"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, "onehot"),
    ("CategoricalFocalCrossentropy", {}, "onehot"),
    ("SparseCategoricalCrossentropy", {}, "sparse"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "sparse_logit"),
    ("SparseCategoricalCrossentropy", {"ignore_class": 2}, "sparse"),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.3}, "sparse"),
    ("Dice", {}, "binary"),
    ("Tversky", {"alpha": 0.3, "beta": 0.7}, "binary"),
]
METRICS = [
    ("Mean", {}, "number"),
    ("Sum", {}, "number"),
    ("MeanSquaredError", {}, "number"),
    ("RootMeanSquaredError", {}, "number"),
    ("MeanAbsoluteError", {}, "number"),
    ("MeanAbsolutePercentageError", {}, "number"),
    ("MeanSquaredLogarithmicError", {}, "positive"),
    ("LogCoshError", {}, "number"),
    ("CosineSimilarity", {}, "number"),
    ("Poisson", {}, "positive"),
    ("KLDivergence", {}, "onehot"),
    ("Hinge", {}, "sign"),
    ("SquaredHinge", {}, "sign"),
    ("CategoricalHinge", {}, "onehot"),
    ("BinaryCrossentropy", {}, "binary"),
    ("CategoricalCrossentropy", {}, "onehot"),
    ("SparseCategoricalCrossentropy", {}, "sparse"),
    ("Accuracy", {}, "equal"),
    ("BinaryAccuracy", {}, "binary"),
    ("BinaryAccuracy", {"threshold": 0.3}, "binary"),
    ("CategoricalAccuracy", {}, "onehot"),
    ("SparseCategoricalAccuracy", {}, "sparse"),
    ("TopKCategoricalAccuracy", {"k": 2}, "onehot"),
    ("SparseTopKCategoricalAccuracy", {"k": 3}, "sparse"),
    ("TruePositives", {}, "binary"),
    ("FalsePositives", {"thresholds": [0.2, 0.6]}, "binary"),
    ("TrueNegatives", {}, "binary"),
    ("FalseNegatives", {}, "binary"),
    ("Precision", {}, "binary"),
    ("Precision", {"thresholds": [0.3, 0.7]}, "binary"),
    ("Precision", {"top_k": 2}, "onehot"),
    ("Recall", {}, "binary"),
    ("Recall", {"class_id": 1}, "binary"),
    ("AUC", {}, "binary"),
    ("AUC", {"curve": "PR"}, "binary"),
    ("AUC", {"summation_method": "minoring", "num_thresholds": 30}, "binary"),
    ("AUC", {"curve": "PR", "summation_method": "majoring", "num_thresholds": 30}, "binary"),
    ("AUC", {"multi_label": True, "num_labels": 5}, "binary"),
    ("AUC", {"from_logits": True}, "binary_logit"),
    ("SensitivityAtSpecificity", {"specificity": 0.6}, "binary"),
    ("SpecificityAtSensitivity", {"sensitivity": 0.6}, "binary"),
    ("PrecisionAtRecall", {"recall": 0.6}, "binary"),
    ("RecallAtPrecision", {"precision": 0.5}, "binary"),
    ("F1Score", {"average": "macro"}, "onehot"),
    ("F1Score", {"threshold": 0.4}, "binary"),
    ("FBetaScore", {"average": "weighted", "beta": 2.0}, "onehot"),
    ("FBetaScore", {"average": "micro", "beta": 0.5, "threshold": 0.5}, "binary"),
    ("MeanIoU", {"num_classes": 3}, "equal"),
    ("MeanIoU", {"num_classes": 5, "sparse_y_pred": False}, "sparse"),
    ("IoU", {"num_classes": 4, "target_class_ids": [0, 2, 3], "ignore_class": 1}, "equal"),
    ("BinaryIoU", {"threshold": 0.4}, "binary"),
    ("OneHotIoU", {"num_classes": 5, "target_class_ids": [1, 3]}, "onehot"),
    ("OneHotMeanIoU", {"num_classes": 5}, "onehot"),
    ("PearsonCorrelation", {}, "number"),
    ("ConcordanceCorrelation", {"axis": -1}, "number"),
    ("R2Score", {}, "number"),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, "number"),
]
OPTIMIZERS = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.8, "nesterov": True}),
    ("SGD", {"learning_rate": 0.1, "weight_decay": 0.1}),
    ("SGD", {"clipnorm": 0.5}),
    ("SGD", {"global_clipnorm": 0.5}),
    ("SGD", {"clipvalue": 0.3}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.5, "rho": 0.8}),
    ("RMSprop", {"centered": True}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "learning_rate": 0.1, "beta_2": 0.9}),
    ("AdamW", {"learning_rate": 0.1}),
    ("Adamax", {"learning_rate": 0.1}),
    ("Nadam", {"learning_rate": 0.1}),
    ("Adagrad", {"learning_rate": 0.1}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Ftrl", {"learning_rate": 0.1, "l1_regularization_strength": 0.01, "beta": 0.1}),
    ("Lion", {"learning_rate": 0.1}),
    ("Lamb", {"learning_rate": 0.1}),
    ("SGD", {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.6, "ema_overwrite_frequency": 2}),
    ("Adam", {"learning_rate": 0.1, "gradient_accumulation_steps": 2}),
    ("SGD", {"momentum": 0.9, "gradient_accumulation_steps": 3, "weight_decay": 0.1, "clipnorm": 0.7}),
    ("Nadam", {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.9}),
]
SCHEDULES = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5}),
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5, "staircase": True}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5}),
    ("PiecewiseConstantDecay", {"boundaries": [5, 10], "values": [1.0, 0.5, 0.1]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 9, "power": 2.0}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 9, "cycle": True}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 15}),
    (
        "CosineDecay",
        {"initial_learning_rate": 0.0, "decay_steps": 9, "warmup_target": 0.2, "warmup_steps": 6, "alpha": 0.1},
    ),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 5}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 5, "t_mul": 1.0, "m_mul": 0.5}),
]
STEPS = [0, 1, 4, 5, 6, 9, 10, 12, 17, 23]


def losses(out):
    for index, (name, arguments, kind) in enumerate(LOSSES):
        true, pred = INPUTS[kind]
        loss = getattr(keras.losses, name)
        out[f"loss_{index}"] = np.stack(
            [
                np.asarray(loss(**arguments)(true, pred)),
                np.asarray(loss(reduction="sum", **arguments)(true, pred)),
            ]
        )
        by_sample = np.ndim(np.asarray(loss(reduction="none", **arguments)(true, pred))) == 1 and len(true) == 12
        if by_sample and arguments.get("axis") != 0:
            out[f"loss_{index}_weighted"] = np.asarray(
                [
                    loss(reduction=reduction, **arguments)(true, pred, WEIGHT)
                    for reduction in ("sum_over_batch_size", "mean_with_sample_weight")
                ]
            )


def metrics(out):
    for index, (name, arguments, kind) in enumerate(METRICS):
        true, pred = INPUTS[kind]
        for weighted in (False, True):
            metric = getattr(keras.metrics, name)(**arguments)
            for rows in (slice(0, 8), slice(8, 12)):
                inputs = (pred[rows],) if name in ("Mean", "Sum") else (true[rows], pred[rows])
                weight = WEIGHT[rows]
                if name.endswith("IoU") and kind in ("equal", "binary"):  # these count entries, not samples
                    weight = np.repeat(weight[:, None], 5, axis=1)
                metric.update_state(*inputs, sample_weight=weight if weighted else None)
            out[f"metric_{index}" + ("_weighted" if weighted else "")] = np.asarray(metric.result())


def optimizers(out):
    start = [random.normal(size=(3, 2)).astype("float32"), random.normal(size=(2,)).astype("float32")]
    steps = [[random.normal(size=value.shape).astype("float32") for value in start] for _ in range(6)]
    for part in range(2):
        out[f"start_{part}"] = start[part]
        out[f"gradients_{part}"] = np.stack([step[part] for step in steps])
    for index, (name, arguments) in enumerate(OPTIMIZERS):
        optimizer = getattr(keras.optimizers, name)(**arguments)
        variables = [keras.Variable(value) for value in start]
        for step in steps:
            optimizer.apply_gradients(zip([keras.ops.convert_to_tensor(g) for g in step], variables, strict=True))
        optimizer.finalize_variable_values(variables)
        out[f"optimizer_{index}"] = np.concatenate([np.ravel(np.asarray(value)) for value in variables])


def schedules(out):
    for index, (name, arguments) in enumerate(SCHEDULES):
        schedule = getattr(keras.optimizers.schedules, name)(**arguments)
        out[f"schedule_{index}"] = np.asarray([float(schedule(step)) for step in STEPS], "float32")


if __name__ == "__main__":
    record = {"weight": WEIGHT, "steps": np.array(STEPS)}
    for kind, (true, pred) in INPUTS.items():
        record[f"{kind}_true"], record[f"{kind}_pred"] = true, pred
    for make in (losses, metrics, optimizers, schedules):
        make(record)
    cases = {"losses": LOSSES, "metrics": METRICS, "optimizers": OPTIMIZERS, "schedules": SCHEDULES}
    record["cases"] = np.array(json.dumps(cases))
    np.savez_compressed(pathlib.Path(__file__).with_name("training.npz"), **record)

"""Keras's ready-made networks. None is here: their weights are downloads."""

from __future__ import annotations

from typing import Any

from epochal.errors import NotSupportedError

_FAMILIES = (
    "convnext densenet efficientnet efficientnet_v2 imagenet_utils inception_resnet_v2 inception_v3 mobilenet "
    "mobilenet_v2 mobilenet_v3 nasnet resnet resnet50 resnet_v2 vgg16 vgg19 xception"
)


def __getattr__(name: str) -> Any:
    if not name[:1].isupper() and name not in _FAMILIES.split():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    raise NotSupportedError(
        f"keras.applications.{name} is not supported by Epochal: ready-made networks and their weights are downloads. "
        "Build the network from layers; a model saved by Keras in a .keras file opens with "
        "keras.models.load_model(path)."
    )

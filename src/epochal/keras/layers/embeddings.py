"""Where older programs import these layers from."""

from epochal.keras.layers import Embedding

__all__ = ["Embedding"]

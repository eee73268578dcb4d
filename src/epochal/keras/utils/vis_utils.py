"""Where older programs import `plot_model` from."""

from epochal.keras.utils.model_pictures import model_to_dot, plot_model

__all__ = ["model_to_dot", "plot_model"]

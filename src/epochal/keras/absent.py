"""What Keras has and Epochal has not, and what to use instead: said where a program asks for it."""

from __future__ import annotations

from epochal.errors import NotSupportedError

_AUGMENTATION = (
    "AugMix AutoContrast CenterCrop ContrastLimitedAdaptiveHistogramEqualization CutMix Equalization "
    "MaxNumBoundingBoxes MixUp Pipeline RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter "
    "RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale "
    "RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness "
    "RandomShear RandomTranslation RandomZoom Solarization"
)
_TEXT = "Discretization HashedCrossing Hashing IntegerLookup StringLookup TextVectorization"
_OTHER = {
    "ConvLSTM1D": "Use TimeDistributed(Conv1D(...)) with an LSTM.",
    "ConvLSTM2D": "Use TimeDistributed(Conv2D(...)) with an LSTM.",
    "ConvLSTM3D": "Use TimeDistributed(Conv3D(...)) with an LSTM.",
    "GroupQueryAttention": "Use MultiHeadAttention.",
    "GroupedQueryAttention": "Use MultiHeadAttention.",
    "SpectralNormalization": "Constraints on kernels exist (keras.constraints).",
    "ReversibleEmbedding": "Use Embedding, and keras.ops.matmul with its transposed table.",
    "MelSpectrogram": "Prepare the data before training; keras.ops.rfft exists.",
    "STFTSpectrogram": "Prepare the data before training; keras.ops.rfft exists.",
    "TFSMLayer": "It runs TensorFlow's own SavedModel files.",
    "TorchModuleWrapper": "It runs modules of torch.",
    "JaxLayer": "It runs functions of jax.",
    "FlaxLayer": "It runs modules of flax.",
}
LAYERS: dict[str, str] = {
    **dict.fromkeys(
        _AUGMENTATION.split(),
        "Prepare images before training, or in a Lambda layer. What exists for images: Rescaling, Resizing, "
        "Normalization, Cropping2D, ZeroPadding2D, UpSampling2D, GaussianNoise, Dropout.",
    ),
    **dict.fromkeys(
        _TEXT.split(),
        "Layers compute with numbers; turn text and categories to integers before training "
        "(keras.utils.pad_sequences, NumPy). What exists for integers: Embedding, CategoryEncoding.",
    ),
    **_OTHER,
}
CALLBACKS: dict[str, str] = {
    "TensorBoard": "Use CSVLogger, or the History that `fit` returns.",
    "RemoteMonitor": "Use LambdaCallback to send results.",
    "OrbaxCheckpoint": "Use ModelCheckpoint or BackupAndRestore.",
}
OPTIMIZERS: dict[str, str] = {
    "LossScaleOptimizer": "Losses are not scaled; train in float32 or bfloat16.",
    "Muon": "Use AdamW.",
    "MultiOptimizer": "Write a `train_step` that applies each optimizer to its own variables.",
    "OptimizerMap": "Write a `train_step` that applies each optimizer to its own variables.",
    "ScheduleFreeAdamW": "Use AdamW, with `use_ema=True` for averages.",
}


def refuse(module: str, name: str, table: dict[str, str]) -> Exception:
    """The error for a name that `module` has not: what to use instead, if Keras has it."""
    if name in table:
        return NotSupportedError(f"keras.{module}.{name} is not supported by Epochal. {table[name]}")
    return AttributeError(f"module 'keras.{module}' has no attribute {name!r}")

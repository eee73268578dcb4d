"""TensorFlow 1's session options. Those about devices that Epochal has not are accepted and mean nothing here."""

from __future__ import annotations

from typing import Any


class GPUOptions:
    """Options of a GPU: kept, so that programs that set them run unchanged on the CPU."""

    def __init__(self, per_process_gpu_memory_fraction: float = 0.0, allow_growth: bool = False, **others: Any) -> None:
        self.per_process_gpu_memory_fraction = per_process_gpu_memory_fraction
        self.allow_growth = allow_growth
        self.__dict__.update(others)


class ConfigProto:
    """Options of a session.

    Attributes:
        intra_op_parallelism_threads: Threads of a compiled program; 0 for the default.
        inter_op_parallelism_threads: Kept; Epochal runs one program at a time on all its threads.
        allow_soft_placement, log_device_placement, device_count, gpu_options: Kept; there is one device.
    """

    def __init__(
        self,
        intra_op_parallelism_threads: int = 0,
        inter_op_parallelism_threads: int = 0,
        allow_soft_placement: bool = False,
        log_device_placement: bool = False,
        device_count: dict[str, int] | None = None,
        gpu_options: GPUOptions | None = None,
        **others: Any,
    ) -> None:
        self.intra_op_parallelism_threads = intra_op_parallelism_threads
        self.inter_op_parallelism_threads = inter_op_parallelism_threads
        self.allow_soft_placement = allow_soft_placement
        self.log_device_placement = log_device_placement
        self.device_count = dict(device_count or {})
        self.gpu_options = gpu_options or GPUOptions()
        self.__dict__.update(others)

"""Where do the tensors live? The one place that decides.

The fits and an experiment's `run` ask it, and move model and data there. Everything else computes where its input lies, and
raises where model and images lie on different devices.
"""

import torch


def choose() -> torch.device:
    """The best device of this machine: a CUDA GPU, an Apple GPU, or else the CPU.

    Returns:
        The device; hand it to `Module.to` and `Tensor.to`. Random numbers are always drawn on the CPU and moved, so
        that a seed means the same on every device.
    """
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")

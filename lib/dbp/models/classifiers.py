"""The classifiers of both papers: models A, B and C of P2 Table 1, and MLP, LeNet and CvNet of P1 Section 5.4.

All take images in [0, 1], [B, channels, height, width], and return logits, [B, 10].
"""

import torch
from torch import nn

from dbp.spelling import require_name


class ModelA(nn.Sequential):
    """P2 Table 1, model A: three convolutions and one linear layer, 710,218 parameters.

    The paper gives filters, kernel and stride; the padding of 3 in the first layer follows from the parameter count.
    """

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 64, 8, stride=2, padding=3), nn.ReLU(),  # [B, 64, 14, 14]
            nn.Conv2d(64, 128, 6, stride=2), nn.ReLU(),  # [B, 128, 5, 5]
            nn.Conv2d(128, 128, 5), nn.ReLU(), nn.Flatten(),  # [B, 128]
            nn.Linear(128, 10),
        )


class ModelB(nn.Sequential):
    """P2 Table 1, model B: two convolutions and two linear layers, 1,460,938 parameters.

    The padding of 1 in the first layer follows from the parameter count.
    """

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 128, 3, padding=1), nn.ReLU(),  # [B, 128, 28, 28]
            nn.Conv2d(128, 64, 3, stride=2), nn.ReLU(), nn.Flatten(),  # [B, 64 * 13 * 13]
            nn.Linear(64 * 13 * 13, 128), nn.ReLU(),
            nn.Linear(128, 10),
        )


class ModelC(nn.Sequential):
    """P2 Table 1, model C: four linear layers, 784-512-256-128-10, 567,434 parameters."""

    def __init__(self) -> None:
        super().__init__(
            nn.Flatten(),
            nn.Linear(784, 512), nn.ReLU(),
            nn.Linear(512, 256), nn.ReLU(),
            nn.Linear(256, 128), nn.ReLU(),
            nn.Linear(128, 10),
        )


class MLP(nn.Sequential):
    """The "simple MLP" of P1 Section 5.4, whose sizes are in a supplement that is not to be had: 784-256-10 is ours."""

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


class LeNet(nn.Sequential):
    """LeNet-5 (LeCun et al. 1998) with ReLU and max-pooling, as P1 Section 5.4 uses it.

    Args:
        size: side of the square images: 32, or 28, which the first convolution pads to 32.

    Raises:
        ValueError: another size.
    """

    def __init__(self, size: int = 28) -> None:
        if size not in (28, 32):
            raise ValueError(f"size must be 28 or 32, but is {size!r}")
        super().__init__(
            nn.Conv2d(1, 6, 5, padding=(32 - size) // 2), nn.ReLU(), nn.MaxPool2d(2),  # [B, 6, 14, 14]
            nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),  # [B, 16 * 5 * 5]
            nn.Linear(400, 120), nn.ReLU(),
            nn.Linear(120, 84), nn.ReLU(),
            nn.Linear(84, 10),
        )


class CvNet(nn.Sequential):
    """A plain convolutional network for 32 x 32 colour images, in the place of P1's "designed" network CvNet.

    P1 leaves its CvNet to a supplement that is not to be had, and prints its accuracy on SVHN only (Section 5.4). This
    one is ours: three blocks of convolution and pooling and two linear layers, without batch statistics.
    """

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),  # [B, 32, 16, 16]
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),  # [B, 64, 8, 8]
            nn.Conv2d(64, 128, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),  # [B, 128 * 4 * 4]
            nn.Linear(2048, 128), nn.ReLU(),
            nn.Linear(128, 10),
        )


CLASSIFIERS = {"A": ModelA, "B": ModelB, "C": ModelC, "mlp": MLP, "lenet": LeNet, "cvnet": CvNet}


def build_classifier(name: str, *, seed: int) -> nn.Module:
    """A freshly initialised classifier: the same seed gives the same weights, and torch's own random state stays.

    Raises:
        ValueError: no classifier of that name; the message gives the nearest.
    """
    require_name(name, CLASSIFIERS, "classifier")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CLASSIFIERS[name]().to(memory_format=torch.channels_last)  # a step of B takes 0.6 of the time so

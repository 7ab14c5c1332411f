"""Which images? `load("mnist")` gives train and test images in [0, 1], with a fingerprint of what was read."""

from dbp.data.load import NAMES, SOURCES, STAND_INS, known_fingerprint, load
from dbp.data.pixels import PixelStore
from dbp.data.split import Dataset, Split, partition, subset

__all__ = [
    "NAMES", "SOURCES", "STAND_INS", "Dataset", "PixelStore", "Split", "known_fingerprint", "load", "partition", "subset",
]  # fmt: skip

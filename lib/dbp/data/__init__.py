"""Which images? `load("mnist")` gives train and test images in [0, 1], with a fingerprint of what was read.

`images[index]` is a float32 tensor for every data set; a `Split` of a colour set reads its pixels only then.
"""

from dbp.data.load import NAMES, SOURCES, known_fingerprint, load
from dbp.data.pixels import PixelStore
from dbp.data.split import Dataset, Split, partition, subset
from dbp.data.standins import STAND_INS

__all__ = [
    "NAMES", "SOURCES", "STAND_INS", "Dataset", "PixelStore", "Split", "known_fingerprint", "load", "partition", "subset",
]  # fmt: skip

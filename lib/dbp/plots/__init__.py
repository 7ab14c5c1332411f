"""How does it look? Every figure of the book, one file a chapter, which is named as its notebook.

Each function takes an `alt` text and returns a `Figure`. One that several chapters show lies with the first of them. A new
chapter adds its file, with `__all__`, and one line here.
"""

# ruff: noqa: F403

import inspect

from dbp.plots.adversarial_examples import *
from dbp.plots.auddc import *
from dbp.plots.dbp_autoencoder import *
from dbp.plots.diagrams import *
from dbp.plots.double_backpropagation import *
from dbp.plots.draw import *
from dbp.plots.flat_codes import *
from dbp.plots.gmm_classifier import *
from dbp.plots.image_transition import *
from dbp.plots.l1_penalty import *
from dbp.plots.results import *
from dbp.plots.style import *
from dbp.plots.vae import *
from dbp.plots.white_and_black_box import *
from dbp.plots.worst_case import *

__all__ = [name for name, value in dict(globals()).items() if not name.startswith("_") and not inspect.ismodule(value)]

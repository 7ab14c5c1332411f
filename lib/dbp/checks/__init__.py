"""Did I get it right? One check an exercise, one file a chapter, which is named as its notebook.

A check takes what the student wrote, raises an AssertionError whose message teaches, or returns a short "well done". A new
chapter adds its file, with `__all__`, and one line here.
"""

# ruff: noqa: F403

import inspect

from dbp.checks.adversarial_examples import *
from dbp.checks.auddc import *
from dbp.checks.dbp_autoencoder import *
from dbp.checks.double_backpropagation import *
from dbp.checks.draw import *
from dbp.checks.flat_codes import *
from dbp.checks.gmm_classifier import *
from dbp.checks.image_transition import *
from dbp.checks.l1_adversarial_training import *
from dbp.checks.l1_penalty import *
from dbp.checks.self_test import *
from dbp.checks.vae import *
from dbp.checks.white_and_black_box import *

__all__ = [name for name, value in dict(globals()).items() if not name.startswith("_") and not inspect.ismodule(value)]

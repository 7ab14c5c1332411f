"""What was run before? `ensure` computes what no record holds, `load` reads, `trained` gives a network of a finished run."""

from dbp.runs.networks import trained
from dbp.runs.refresh import refresh
from dbp.runs.status import overview, survey
from dbp.runs.store import Store
from dbp.runs.sweep import RunsFailed, ensure
from dbp.runs.table import load

__all__ = ["RunsFailed", "Store", "ensure", "load", "overview", "refresh", "survey", "trained"]

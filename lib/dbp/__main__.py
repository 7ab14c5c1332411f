"""`python -m dbp`."""

from dbp.cli import app

app(prog_name="python -m dbp")

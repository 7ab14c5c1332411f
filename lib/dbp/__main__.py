"""`python -m dbp`."""

from dbp.cli import app

if __name__ == "__main__":  # workers that are started anew import this module too
    app(prog_name="python -m dbp")

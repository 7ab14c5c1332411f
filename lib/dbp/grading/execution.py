"""`python -m dbp.grading.execution CELLS RESULTS`: run the cells of one notebook here, and write down which checks pass.

The cells run in IPython without a kernel, so no port is opened and neither nbclient nor Jupyter is needed. What was found
is written after each check: a crash or a kill later on does not take it away. A cell that fails does not stop the next.
"""

import json
import sys
from pathlib import Path


def run(cells: list[str], results: Path) -> None:
    """Run the cells in order, and append one line of JSON a finding.

    The lines are `{"check": name, "passed": bool}` for each check, `{"error": text}` for the first cell that failed, and
    `{"end": true}` after the last cell.

    Args:
        cells: the sources of a notebook's code cells.
        results: the file that is appended to.
    """
    from IPython.core.history import HistoryManager
    from IPython.core.interactiveshell import InteractiveShell

    from dbp.grading.submissions import check_calls

    HistoryManager.enabled = False  # it would write a file into the user's home
    shell, error = InteractiveShell.instance(), None
    for source in cells:
        names = check_calls(source)
        try:
            outcome = shell.run_cell(source, store_history=False)
            found = outcome.error_before_exec or outcome.error_in_exec
        except SystemExit as end:  # a student who calls exit() ends a cell, not the grading
            found = end
        for name in names:
            _append(results, {"check": name, "passed": found is None})
        if found is not None and error is None:
            error = f"{type(found).__name__}: {' '.join(str(found).split())}"
            _append(results, {"error": error})
    _append(results, {"end": True})


def _append(results: Path, line: dict) -> None:
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    given, found = (Path(name).resolve() for name in sys.argv[1:3])
    del sys.argv[1:]
    run(json.loads(given.read_text(encoding="utf-8")), found)

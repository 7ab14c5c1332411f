"""What did the students hand in, and does it hold? Checks passed a notebook, and the same question on other inputs.

`grade` runs each notebook of a folder in a process of its own and counts the checks that pass. `dbp.grading.elsewhere` has
the hidden test of the variant for nbgrader: an answer that was made for the check's own inputs fails there.
"""

from dbp.grading.submissions import Row, grade, write_csv

__all__ = ["Row", "grade", "write_csv"]

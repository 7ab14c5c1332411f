"""What did they print? The papers' numbers, ours beside them, and a verdict a cell.

Tables of ours are made from the frames of `dbp.runs`; how a cell is made and written is the same in all of them (`cells`).
"""

from dbp.tables.cells import Cell, Printed, format_cell, make_cell, make_cells

__all__ = ["Cell", "Printed", "format_cell", "make_cell", "make_cells"]

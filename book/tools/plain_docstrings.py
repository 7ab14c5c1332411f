"""A Sphinx extension: the library's docstrings are plain text with `code` in backticks, not reStructuredText.

Without it, |J| would be read as a substitution and a trailing underscore as a link.
"""

import re


def plain(line: str) -> str:
    """One docstring line as reStructuredText that shows it as it was written; `code` becomes literal."""
    parts = re.split(r"(`+[^`]+`+)", line)
    for index, part in enumerate(parts):
        parts[index] = f"``{part.strip('`')}``" if index % 2 else re.sub(r"([\\|*]|_(?!\w)|<|>)", r"\\\1", part)
    return "".join(parts)


def _process(app, what, name, obj, options, lines) -> None:
    lines[:] = [plain(line) for line in lines]


def setup(app) -> dict:
    app.connect("autodoc-process-docstring", _process, priority=100)  # before napoleon reads the sections
    return {"parallel_read_safe": True}

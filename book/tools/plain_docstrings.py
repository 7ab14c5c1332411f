"""A Sphinx extension: the library's docstrings are plain text with `code` in backticks, not reStructuredText.

Without it, |J| would be read as a substitution and a trailing underscore as a link.
"""

import re


def plain(line: str) -> str:
    """One docstring line as reStructuredText that shows it as it was written; `code` becomes literal, *words* stay."""
    parts = re.split(r"(`+[^`]+`+|(?<!\S)\*\w[\w ]*\*)", line)
    for index, part in enumerate(parts):
        if index % 2 == 0:
            parts[index] = re.sub(r"([\\|*]|_(?!\w)|<|>)", r"\\\1", part)
        elif part.startswith("`"):
            parts[index] = f"``{part.strip('`')}``"
    return "".join(parts)


def _process(app, what, name, obj, options, lines) -> None:
    lines[:] = [plain(line) for line in lines]


def setup(app) -> dict:
    app.connect("autodoc-process-docstring", _process, priority=100)  # before napoleon reads the sections
    return {"parallel_read_safe": True}

"""A Sphinx extension: what the builder and its theme write that a browser or a screen reader stumbles over, mended.

What needs the finished page (widths, the theme's buttons) is mended by book/_static/book.js.
"""

import itertools
import re

SIGNATURE_LINES = re.compile(r"<dl>\s*((?:<dd>.*?</dd>\s*)+)</dl>", re.DOTALL)
TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)
NAMELESS_CORNER = re.compile(r"(<thead>\s*<tr[^>]*>\s*)<th[^>]*>(?:<p></p>)?</th>")
COUNT = re.compile(r"<th>(\d+)</th>\s*")
EXERCISE = re.compile(r'(<span class="caption-number">Exercise )\d+')
FIRST_CELL = re.compile(r"(<tr[^>]*>\s*)<td>(.*?)</td>", re.DOTALL)


def signatures(body: str) -> str:
    """A long signature is written as a list of definitions without terms; it is no list of definitions at all."""
    def lines(found: re.Match) -> str:
        return found[1].replace("<dd>", '<span class="sig-line">').replace("</dd>", "</span>")

    return SIGNATURE_LINES.sub(lines, body)


def citations(body: str) -> str:
    """The works in a list of works are its items; their own role, doc-biblioentry, is deprecated and not allowed there."""
    return body.replace('role="doc-biblioentry"', 'role="listitem"')


def row_headers(body: str) -> str:
    """Where the first column of a table has no name, its cells are the names of the rows."""
    def named(found: re.Match) -> str:
        head, mark, rows = found[0].partition("<tbody>")
        head, corners = NAMELESS_CORNER.subn(r"\1<td></td>", head)
        return head + mark + (FIRST_CELL.sub(r'\1<th scope="row">\2</th>', rows) if corners else rows)

    return TABLE.sub(named, body)


def uncounted(body: str) -> str:
    """A table whose first column only counts its rows, without a name, is shown without that column."""
    def shown(found: re.Match) -> str:
        head, mark, rows = found[0].partition("<tbody>")
        counts = COUNT.findall(rows)
        counted = len(counts) > 1 and counts == [str(place) for place in range(rows.count("<tr"))]
        if not counted or head.count("<tr") != 1 or not NAMELESS_CORNER.search(head):
            return found[0]
        return NAMELESS_CORNER.sub(r"\1", head) + mark + COUNT.sub("", rows)

    return TABLE.sub(shown, body)


def exercises(body: str, pagename: str) -> str:
    """Exercises are numbered by chapter, as on the teachers' page; the builder numbers them through the book."""
    chapter, numbers = re.match(r"notebooks/0?(\d+)_", pagename), itertools.count(1)
    if not chapter:
        return body
    return EXERCISE.sub(lambda found: f"{found[1]}{chapter[1]}.{next(numbers)}", body)


def fold_names(body: str) -> str:
    """What opens a folded cell says so in its own words; a name put over them hides them from a screen reader."""
    return body.replace('<summary aria-label="Toggle hidden content">', "<summary>")


def solution_ids(body: str) -> str:
    """Every solution's content has the same id, which may stand once on a page; nothing links to it."""
    return re.sub(r'<section id="(?:solution|exercise)-content">', "<section>", body)


def scripts(files: list) -> list:
    """Each script once, and none of Live Code's, which this book does not offer.

    Sphinx adds the scripts that an extension hands it without a file name twice (once as None, once as ""), and a
    constant that is declared twice is an error on every page.
    """
    kept = {}
    for file in files:
        attributes = getattr(file, "attributes", {})
        name = str(getattr(file, "filename", file) or "")
        if "thebe" not in name + str(attributes.get("body", "")):
            kept.setdefault((name, str(sorted(attributes.items()))), file)
    return list(kept.values())


def launch(buttons: list) -> list:
    """The button for Colab opens the copy of the page in colab/: Colab shows the page's own Markdown as it is written."""
    for button in buttons:
        launch(button.get("buttons", []))
        if str(button.get("url", "")).startswith("https://colab.research.google.com/"):
            button["url"] = button["url"].replace("/notebooks/", "/colab/")
    return buttons


def _mend(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    for mend in (signatures, citations, uncounted, row_headers, fold_names, solution_ids):
        context["body"] = mend(context.get("body") or "")
    context["body"] = exercises(context["body"], pagename)
    launch(context.get("header_buttons", []))
    context["script_files"][:] = scripts(context["script_files"])


def setup(app) -> dict:
    """Called by Sphinx; after the theme, which adds scripts of its own at the default priority."""
    app.connect("html-page-context", _mend, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

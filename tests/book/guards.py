"""What must hold of the book: functions that return what is wrong, called on the book and on spoilt copies of it."""

import ast
import importlib.util
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[2]
LONGEST_CELL = 30
WORDS_A_LINE = 8  # of prose, for each line of code

# From what a module may import: its own row or one above. `experiments` is on top, and nothing imports it but the book.
LAYERS = (
    {"device", "paper", "checkpoints", "fingerprint", "provenance", "spelling"},
    {"data", "colour", "celeba", "standins", "toy_faces", "toy_people", "penalties", "models"},
    {"attacks", "profiles"},
    {"metrics", "plots"},
    {"epochs", "training", "records", "weights"},
    {"standing"},
    {"sweep"},
    {"experiments"},
    {"checks", "cli", "__main__"},
)
LAZY = {"records", "standing", "cli"}  # ask the registry of experiments by name, when they are called


def chapters():
    """The module book/tools/chapters.py, which keeps the notebooks' files."""
    spec = importlib.util.spec_from_file_location("chapters", ROOT / "book" / "tools" / "chapters.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["chapters"] = module
    spec.loader.exec_module(module)
    return module


class Page(HTMLParser):
    """The links, requests, pictures and anchors of one page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links, self.requests, self.images, self.anchors = [], [], [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes) -> None:
        found = dict(attributes)
        self.anchors |= {found[name] for name in ("id", "name") if found.get(name)}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag == "img":
            self.images.append((found.get("alt") or "", found.get("src") or ""))
        if tag in ("script", "img", "iframe", "source", "video", "audio", "embed") and found.get("src"):
            self.requests.append(found["src"])
        if tag == "link" and set((found.get("rel") or "").split()) & {"stylesheet", "preload", "icon", "modulepreload"}:
            self.requests.append(found.get("href") or "")


def pages(site: Path) -> dict[Path, Page]:
    """Every page of the built book."""
    return {path: Page(path) for path in sorted(site.rglob("*.html")) if "_static" not in path.parts}


def broken_links(site: Path) -> list[str]:
    """Links inside of the book whose page or anchor is not there."""
    read, wrong = pages(site), []
    for path, page in read.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                wrong.append(f"{path.name}: {link} is not there")
            elif parts.fragment and target in read and unquote(parts.fragment) not in read[target].anchors:
                wrong.append(f"{path.name}: {link} has no such anchor")
    return wrong


def external_requests(site: Path) -> list[str]:
    """What a browser would ask of other hosts to show a page: scripts, styles, pictures, fonts."""
    wrong = [f"{path.name}: {address}" for path, page in pages(site).items() for address in page.requests
             if urlsplit(address).netloc]
    for path in site.rglob("*.css"):
        found = re.findall(r"(?:url\(|@import\s)\s*['\"]?((?:https?:)?//[^'\")\s]+)", path.read_text(encoding="utf-8"))
        wrong += [f"{path.name}: {address}" for address in found]
    return wrong


def silent_images(site: Path) -> list[str]:
    """Pictures in the text without an alt text of at least a few words, and those whose alt text is a file name."""
    wrong = []
    for path, page in pages(site).items():
        for alt, source in page.images:
            inside = source.startswith("data:") or "_images/" in source
            if inside and (len(alt.split()) < 4 or alt.endswith(".png")):
                wrong.append(f"{path.name}: {source[:60]} has the alt text {alt!r}")
    return wrong


def colab_links_without_a_file(site: Path, tracked: set[str], repository: str) -> list[str]:
    """Colab buttons that open a notebook which is not in the repository."""
    start = repository.replace("https://github.com/", "https://colab.research.google.com/github/") + "/blob/main/"
    wrong = []
    for path, page in pages(site).items():
        for link in page.links:
            if "colab.research.google.com" in link and not (link.startswith(start) and link[len(start):] in tracked):
                wrong.append(f"{path.name}: {link}")
    return wrong


def other_addresses(texts: dict[str, str], repository: str) -> list[str]:
    """Mentions of a repository of the same name elsewhere."""
    name = repository.rsplit("/", 1)[-1]
    pattern = rf"https://github\.com/[\w.-]+/{re.escape(name)}(?![\w-])"
    return [f"{file}: {found}" for file, text in texts.items() for found in re.findall(pattern, text) if found != repository]


def breaches(nb) -> list[str]:
    """Rules of the house that a notebook breaks."""
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    lines = [[line for line in cell.source.splitlines() if line.strip()] for cell in code]
    prose = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
    wrong = [f"cell {i} has {len(cell)} lines" for i, cell in enumerate(lines) if len(cell) > LONGEST_CELL]
    if "parameters" not in code[1].metadata.get("tags", []):
        wrong.append("the second code cell is not tagged parameters")
    if not any("assert" in cell.source for cell in code):
        wrong.append("nothing is asserted")
    if len(prose.split()) < WORDS_A_LINE * sum(map(len, lines)):
        wrong.append(f"{len(prose.split()) / sum(map(len, lines)):.1f} words of prose for each line of code")
    if any(output.output_type == "error" for cell in code for output in cell.outputs):
        wrong.append("an output is an error")
    if not any(cell.outputs for cell in code):
        wrong.append("no outputs are stored")
    return wrong


def unfinished_exercises(nb) -> list[str]:
    """Exercises without difficulty, minutes, a solution in a dropdown with markers, or a visible check after it."""
    text = "\n".join(cell.source for cell in nb.cells)
    starts = [match.start() for match in re.finditer(r"^:::\{exercise-start\}", text, re.M)] + [len(text)]
    wrong = [] if len(starts) > 3 else [f"{len(starts) - 1} exercises, expected at least 3"]
    for begin, end in zip(starts, starts[1:], strict=False):
        part = text[begin:end]
        title = part.splitlines()[0].removeprefix(":::{exercise-start}").strip()
        for pattern, what in (
            (r"[Dd]ifficulty\W{1,6}[1-5]\b.{1,40}?\d+ min", "difficulty and minutes"),
            (r":::\{solution-start\}[^\n]*\n:class: dropdown", "a solution in a dropdown"),
            (r"### BEGIN SOLUTION.*### END SOLUTION", "code between the solution marks"),
            (r"checks\.\w+\(", "a check"),
        ):
            if not re.search(pattern, part, re.S):
                wrong.append(f"exercise {title!r} lacks {what}")
    return wrong


def numbers_off(nb, expected: list[str]) -> list[str]:
    """Tables that the records give, but that no stored output of the notebook shows."""
    shown = {str(output.data.get("text/plain", "")).strip() if "data" in output else str(output.text).strip()
             for cell in nb.cells if cell.cell_type == "code" for output in cell.outputs if output.output_type != "error"}
    return [text.splitlines()[0] for text in expected if text.strip() not in shown]


def upward_imports(package: Path) -> list[str]:
    """Imports of the library that point from a lower layer to a higher one."""
    level = {name: i for i, names in enumerate(LAYERS) for name in names}
    wrong = []
    for path in sorted(package.rglob("*.py")):
        home = path.relative_to(package).parts[0].removesuffix(".py")
        for name in _imported(ast.parse(path.read_text(encoding="utf-8"))):
            if home == "__init__" or name == home or name == "experiments" and home in LAZY:
                continue
            if level[name] > level[home]:
                wrong.append(f"{home} imports {name}")
    return wrong


def _imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "dbp":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dbp."):
            names.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("dbp.")}
    return names


def undocumented(package: Path) -> list[str]:
    """Public functions and classes without a docstring, or with arguments that it does not explain."""
    wrong = []
    for path in sorted(package.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            text = ast.get_docstring(node)
            if not text:
                wrong.append(f"{path.name}: {node.name} has no docstring")
            elif isinstance(node, ast.FunctionDef):
                arguments = [argument.arg for argument in [*node.args.args, *node.args.kwonlyargs]]
                unsaid = [name for name in arguments if not re.search(rf"\b{name}\b", text)]
                if unsaid and "Arg" not in text and _is_for_readers(path.relative_to(package)):
                    wrong.append(f"{path.name}: {node.name} does not say what {', '.join(unsaid)} are")
    return wrong


def _is_for_readers(path: Path) -> bool:
    """The modules that people lift functions out of; in the others one line may do."""
    home = path.parts[0].removesuffix(".py")
    lifted = {"data", "penalties", "metrics", "training", "paper", "experiments", "plots"}
    return home in lifted or path.name in {"classifier.py", "evaluation.py", "classifiers.py"}


def code_lines(package: Path) -> dict[str, int]:
    """Lines of code of every file, without blank lines, comments and docstrings."""
    import io
    import tokenize

    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    counts = {}
    for path in sorted(package.rglob("*.py")):
        source, documented = path.read_text(encoding="utf-8"), set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
                documented |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        lines = {line for token in tokens if token.type not in skipped for line in range(token.start[0], token.end[0] + 1)}
        counts[str(path.relative_to(package))] = len(lines - documented)
    return counts

"""What must hold of the book: functions that return what is wrong, called on the book and on spoilt copies of it."""

import ast
import functools
import graphlib
import importlib.util
import pkgutil
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[2]
LONGEST_CELL = 30
WORDS_A_LINE = 8  # of prose, for each line of code

# What must be read to trust a number; the rest keeps, schedules, draws and teaches.
MATHEMATICS = ("penalties", "attacks", "models", "metrics", "intervals", "training")


@functools.cache
def tool(name: str):
    """A module of book/tools, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "book" / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def chapters():
    """The module book/tools/chapters.py, which keeps the notebooks' files."""
    return tool("chapters")


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
    return {path: page(path) for path in sorted(site.rglob("*.html")) if "_static" not in path.parts}


def page(path: Path) -> Page:
    """A page of the built book, read again only if its file was written since."""
    known = path.stat()
    return _page(path, known.st_mtime_ns, known.st_size)


@functools.cache
def _page(path: Path, written: int, size: int) -> Page:
    return Page(path)


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


def imports(package: Path) -> dict[str, dict[str, int]]:
    """Every module of the library to the modules of it that it imports, within functions too, and the line that does.

    Names are relative to the package, as `data.pixels`; a module is imported with the packages that it lies in. That a
    module runs after the start of its own package is no import of it, but `from dbp.data import load` within `data` is.
    """
    files = {path.relative_to(package).with_suffix("").parts: path for path in sorted(package.rglob("*.py"))}
    files = {".".join(parts).removesuffix("__init__").rstrip("."): path for parts, path in files.items()}
    graph = {name: {} for name in files}
    for name, path in files.items():
        home = name if path.stem == "__init__" else name.rpartition(".")[0]
        for target, line in _all_named(path.read_text(encoding="utf-8"), home):
            while target and target not in files:  # a name within a module
                target = target.rpartition(".")[0]
            found = [target] if target != name else []
            while target := target.rpartition(".")[0]:
                found += [target] if not f"{name}.".startswith(f"{target}.") else []
            for module in filter(None, found):
                graph[name].setdefault(module, line)
    return graph


@functools.cache  # a spoilt copy of the library is the library but for one file
def _parsed(source: str) -> ast.Module:
    return ast.parse(source)


@functools.cache
def _all_named(source: str, home: str) -> list[tuple[str, int]]:
    """What a module of the package `home` names of the library, and on which line."""
    return [(target, node.lineno) for node in ast.walk(_parsed(source)) for target in _named(node, home)]


def _named(node: ast.AST, home: str) -> list[str]:
    """What a node imports of the library, or reaches as `dbp.room`; `import_module` with a text counts."""
    found = []
    if isinstance(node, ast.ImportFrom):
        parts = ["dbp", *filter(None, home.split("."))]
        above = parts[: len(parts) + 1 - node.level] if node.level else []  # `from . import a` and the like
        found = [".".join(filter(None, [*above, node.module, alias.name])) for alias in node.names]
    elif isinstance(node, ast.Import):
        found = [alias.name for alias in node.names]
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        found = [f"{node.value.id}.{node.attr}"]
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
        found = [str(text.value).rstrip(".") for text in ast.walk(node) if isinstance(text, ast.Constant)]
    return [name.removeprefix("dbp.") for name in found if name.startswith("dbp.")]


def upward_imports(package: Path, floors: tuple[str, ...]) -> list[str]:
    """Imports of the library from a room above the module's own, and rooms that are on no floor."""
    level = {room: number for number, room in enumerate(("", *floors, "__main__"))}  # the package itself imports nothing
    graph, wrong = imports(package), []
    for name, targets in graph.items():
        home = name.split(".")[0]
        wrong += [f"{home} is on no floor"] if home not in level else []
        wrong += [f"{name}, line {line}, imports {target}" for target, line in targets.items()
                  if level.get(target.split(".")[0], 0) > level.get(home, len(level))]
    return list(dict.fromkeys(wrong))


def circle(package: Path) -> list[str]:
    """Modules each of which imports the next one, the last the first; empty if there are no such modules."""
    try:
        graphlib.TopologicalSorter(imports(package)).prepare()
    except graphlib.CycleError as error:
        return error.args[1][::-1]
    return []


def long_files(folder: Path, most: int = 300) -> dict[str, int]:
    """Python files with more lines than that, blank ones and all, and how many they have."""
    counts = {str(path.relative_to(folder)): len(path.read_text(encoding="utf-8").splitlines())
              for path in sorted(folder.rglob("*.py"))}
    return {name: lines for name, lines in counts.items() if lines > most}


def undocumented(package: Path, floors: tuple[str, ...]) -> list[str]:
    """Public functions and classes without a docstring, or with arguments that it does not explain.

    In what a room does not hand out by an `__all__` one line may do, and so it may below the penalties and in the last room.
    """
    wrong, lifted = [], floors[floors.index("penalties"):-1]
    for room in sorted(path for path in package.iterdir() if path.is_dir() or path.suffix == ".py"):
        files = {path: _parsed(path.read_text(encoding="utf-8")) for path in sorted(room.rglob("*.py")) or [room]
                 if path.suffix == ".py"}
        handed_out = {name for tree in files.values() for name in _handed_out(tree)}
        for path, tree in files.items():
            for node in tree.body:
                if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
                    continue
                text = ast.get_docstring(node)
                if not text:
                    wrong.append(f"{path.name}: {node.name} has no docstring")
                elif isinstance(node, ast.FunctionDef) and room.stem in lifted and (
                        not handed_out or node.name in handed_out):
                    arguments = [argument.arg for argument in [*node.args.args, *node.args.kwonlyargs]]
                    unsaid = [name for name in arguments if not re.search(rf"\b{name}\b", text)]
                    if unsaid and "Arg" not in text:
                        wrong.append(f"{path.name}: {node.name} does not say what {', '.join(unsaid)} are")
    return wrong


def unknown_names(package: Path) -> list[str]:
    """Names of the library, as `dbp.data.load`, that its texts mention and that there are not."""
    wrong = []
    for path in sorted([*package.rglob("*.py"), *package.rglob("*.yaml")]):
        for name in re.findall(r"\bdbp(?:\.\w+)+", path.read_text(encoding="utf-8")):
            try:
                pkgutil.resolve_name(name)
            except (ImportError, AttributeError):
                wrong.append(f"{path.name}: {name}")
    return wrong


def _handed_out(tree: ast.Module) -> list[str]:
    """The names in the `__all__` of a module."""
    return [text.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
            and isinstance(node.value, ast.List) for text in node.value.elts]


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

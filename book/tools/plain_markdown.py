"""MyST as plain Markdown: what Colab and GitHub show, without a directive or a role left.

Admonitions become quotations, exercises become headings, citations and links to other pages become text and addresses.
Formulas stay as they are: `$` and `$$` are read by all of them.
"""

import functools
import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^:::\{(?P<name>[\w-]+)\}[ \t]*(?P<title>[^\n]*)\n(?P<options>(?::[\w-]+:[^\n]*\n)*)(?P<body>.*?)"
                   r"^:::[ \t]*(?:\n|\Z)", re.M | re.S)
BIBLIOGRAPHY = re.compile(r"^```\{bibliography\}[^\n]*\n.*?^```[ \t]*(?:\n|\Z)", re.M | re.S)
ROLE = re.compile(r"\{(?P<role>[a-z:]+)\}`(?:(?P<text>[^`<]+?)\s*<(?P<target>[^`>]+)>|(?P<plain>[^`]+))`")
LEFT_OVER = re.compile(r"^:::|^```\{|^~~~\{|\{[a-z:-]+\}`|^\([\w-]+\)=$|^:(?:label|class|filter|keyprefix):", re.M)


def leftovers(text: str) -> list[str]:
    """What only MyST understands in a text: directives, roles, labels. Empty if it is plain Markdown."""
    return LEFT_OVER.findall(text)


@dataclass(frozen=True)
class Book:
    """What a page refers to.

    Attributes:
        address: of the repository, as https://github.com/OWNER/NAME.
        titles: the first heading of each page, by its name without a folder, as 05_vae.
        places: where each page lies in the repository, by the same names.
        exercises: what stands for an exercise, by its label, as "8.2, The best of several".
        works: each work cited, by its key: (short, long), as ("Sun et al. 2020", "Sun, C., ...").
    """

    address: str
    titles: dict[str, str]
    places: dict[str, str]
    exercises: dict[str, str] = field(default_factory=dict)
    works: dict[str, tuple[str, str]] = field(default_factory=dict)

    def link(self, place: str) -> str:
        """The address of a file of the repository, for a person; GitHub shows it and Colab can follow it."""
        return f"{self.address}/blob/main/{place}"


@functools.cache
def address(root: Path = ROOT) -> str:
    """The repository's address, from the one place where it is written."""
    return yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]


def flatten(text: str, book: Book, keys: list[str] = ()) -> str:
    """A Markdown cell in plain Markdown; `keys` are the works that the whole notebook cites, for its bibliography.

    Raises:
        ValueError: it has a directive or a role that is not known here, or refers to what there is not.
    """
    text = BLOCK.sub(lambda block: _block(block, book), text)
    text = BIBLIOGRAPHY.sub(lambda _: references(keys, book) + "\n", text)
    text = ROLE.sub(lambda role: _role(role, book), text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def cited(text: str) -> list[str]:
    """The keys of the works that a text cites, each once, in order."""
    return list(dict.fromkeys(key for role in ROLE.finditer(text) if role["role"] == "cite" for key in _keys(role)))


def references(keys: list[str], book: Book) -> str:
    """A list of the works with these keys, in alphabetic order."""
    short_and_long = sorted(_look_up(book.works, key, "work") for key in keys)
    return "\n".join(f"- {entry}" for _, entry in short_and_long)


def _block(block: re.Match, book: Book) -> str:
    name, title, body = block["name"], block["title"].strip(), block["body"].strip()
    if name == "exercise-start":
        label = re.search(r"^:label: (\S+)", block["options"], re.M)
        number = _look_up(book.exercises, label[1], "exercise") if label else title
        return f"### Exercise {number}\n"
    if name == "exercise-end":
        return ""
    if name == "admonition":
        lines = [f"**{title}.**", "", *body.splitlines()]
        return "".join(f"> {line}".rstrip() + "\n" for line in lines)
    raise ValueError(f"no plain form of the directive {name!r}; there are admonition, exercise-start, exercise-end")


def _role(role: re.Match, book: Book) -> str:
    name, text = role["role"], role["text"]
    target = (role["target"] or role["plain"]).strip()
    if name == "cite":
        return "(" + "; ".join(_look_up(book.works, key, "work")[0] for key in _keys(role)) + ")"
    if name == "doc":
        page = target.rsplit("/", 1)[-1]
        return f"[{text or _look_up(book.titles, page, 'page')}]({book.link(_look_up(book.places, page, 'page'))})"
    if name == "ref":
        return f"{text or 'exercise'} (exercise {_look_up(book.exercises, target, 'exercise')})"
    if name == "term":
        return text or target
    raise ValueError(f"no plain form of the role {name!r}; there are cite, doc, ref, term")


def _keys(role: re.Match) -> list[str]:
    """The keys of a citation without a page's own prefix: c08-sun2020 is sun2020."""
    keys = (role["target"] or role["plain"]).split(",")
    return [re.sub(r"^[a-z]+\d*-", "", key.strip()) for key in keys]


def _look_up(known: dict, name: str, kind: str):
    if name not in known:
        raise ValueError(f"no {kind} named {name!r}; there are {', '.join(sorted(known))}")
    return known[name]


@functools.cache
def works(root: Path = ROOT) -> dict[str, tuple[str, str]]:
    """The bibliography, by key: how a work is cited, and its entry in a list."""
    from pybtex.database import parse_file

    return {key: (_short(entry), _long(entry)) for key, entry in
            parse_file(str(root / "book" / "references.bib"), "bibtex").entries.items()}


def _short(entry) -> str:
    names = [_plain(" ".join([*person.prelast_names, *person.last_names])) for person in _persons(entry)]
    who = names[0] if len(names) == 1 else " and ".join(names) if len(names) == 2 else f"{names[0]} et al."
    return f"{who} {entry.fields['year']}"


def _long(entry) -> str:
    people = [_plain(" ".join([*person.first_names, *person.middle_names, *person.prelast_names, *person.last_names]))
              for person in _persons(entry)]
    who = ", ".join(people[:-1]) + " and " + people[-1] if len(people) > 1 else people[0]
    where = next((entry.fields[name] for name in ("journal", "booktitle", "publisher", "note", "howpublished")
                  if name in entry.fields), "")
    ends = f" {_plain(where)}." if where else ""
    return f"{who} ({entry.fields['year']}). *{_plain(entry.fields['title'])}*.{ends}"


def _persons(entry) -> list:
    return entry.persons.get("author") or entry.persons["editor"]


def _plain(text: str) -> str:
    """LaTeX of the bibliography as text."""
    from pybtex.richtext import Text

    return str(Text.from_latex(text)).replace("{", "").replace("}", "")

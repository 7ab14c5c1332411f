"""MyST as plain Markdown: what Colab and GitHub show, without a directive or a role left.

Admonitions become quotations, what is folded becomes <details>, exercises become headings, citations and links to other
pages become text and addresses. Formulas stay as they are: `$` and `$$` are read by all of them.
"""

import functools
import posixpath
import re
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^(?P<fence>:{3,}|`{3,})\{(?P<name>[\w-]+)\}[ \t]*(?P<title>[^\n]*)\n(?P<options>(?::[\w-]+:[^\n]*\n)*)"
                   r"(?P<body>.*?)^(?P=fence)[ \t]*(?:\n|\Z)", re.M | re.S)
LABELLED = re.compile(r"^\$\$\n(?P<body>(?:(?!^\$\$).)*?)^\$\$ \((?P<label>[\w-]+)\)[ \t]*$", re.M | re.S)
ANCHOR = re.compile(r"^\([\w-]+\)=\n", re.M)
ROLE = re.compile(r"\{(?P<role>[a-z:]+)\}`(?:(?P<text>[^`<]+?)\s*<(?P<target>[^`>]+)>|(?P<plain>[^`]+))`")
TWICE = re.compile(r"\(([^()\[\]]+)\) \((\[\1\]\([^()]+\))\)")  # a work named in the text and cited right after it
LEFT_OVER = re.compile(r"^:::|^```\{|^~~~\{|\{[a-z:-]+\}`|^\([\w-]+\)=$|^:(?:label|class|filter|keyprefix):|^\$\$ \(", re.M)
BOXES = ("attention", "caution", "danger", "error", "hint", "important", "note", "seealso", "tip", "warning")
DIRECTIVES = ("admonition", *BOXES, "bibliography", "dropdown", "exercise-start", "exercise-end", "figure", "glossary",
              "image", "math")
ROLES = ("cite", "cite:p", "cite:t", "doc", "eq", "math", "ref", "term")


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
        works: each work cited, by its key: (short, long), as ("[Sun et al. 2020](https://...)", "Chengjin Sun, ...").
        folder: of the pages that are flattened; what they name by a relative path lies there.
    """

    address: str
    titles: dict[str, str]
    places: dict[str, str]
    exercises: dict[str, str] = field(default_factory=dict)
    works: dict[str, tuple[str, str]] = field(default_factory=dict)
    folder: str = "notebooks"

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
    text = LABELLED.sub(lambda found: _formula(found["body"], found["label"]).strip(), ANCHOR.sub("", text))
    text = BLOCK.sub(lambda block: _block(block, book, keys), text)
    text = ROLE.sub(lambda role: _role(role, book), text)
    text = TWICE.sub(r"(\2)", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def cited(text: str) -> list[str]:
    """The keys of the works that a text cites, each once, in order."""
    return list(dict.fromkeys(key for role in ROLE.finditer(text) if role["role"].startswith("cite")
                              for key in _keys(role)))


def references(keys: list[str], book: Book) -> str:
    """A list of the works with these keys, in alphabetic order."""
    short_and_long = sorted(_look_up(book.works, key, "work") for key in keys)
    return "\n".join(f"- {entry}" for _, entry in short_and_long)


def folded(summary: str, body: str) -> str:
    """A text that Colab and GitHub show once it is asked for; the empty lines make them read it as Markdown."""
    return f"<details>\n<summary>{summary}</summary>\n\n{body.strip()}\n\n</details>\n"


def _block(block: re.Match, book: Book, keys: list[str]) -> str:
    name, title, body = block["name"], block["title"].strip(), block["body"].strip()
    options = dict(re.findall(r"^:([\w-]+): *(.*)$", block["options"], re.M))
    if name == "exercise-start":
        number = _look_up(book.exercises, options["label"], "exercise") if "label" in options else title
        return f"### Exercise {number}\n"
    if name == "exercise-end":
        return ""
    if name == "bibliography":
        return references(keys, book) + "\n"
    if name == "math":
        return _formula(body or title, options.get("label", ""))
    if name in ("figure", "image"):
        place = posixpath.normpath(posixpath.join(book.folder, title))
        caption = "" if name == "image" or not body else f"\n*{flatten(body, book, keys)}*\n"
        return f"![{options.get('alt', '')}]({book.address}/raw/main/{place})\n{caption}"
    if name == "glossary":
        return re.sub(r"^(\S.*)\n((?:[ \t]+.*(?:\n|\Z)|\n)*)",
                      lambda entry: f"**{entry[1]}**: {textwrap.dedent(entry[2]).strip()}\n\n", body + "\n", flags=re.M)
    if name in ("admonition", "dropdown", *BOXES):
        title, body = title or name.capitalize(), flatten(body, book, keys)
        if name == "dropdown" or "dropdown" in options.get("class", ""):
            return folded(title, body)
        lines = [f"**{title}**" if title[-1] in "?!." else f"**{title}.**", "", *body.splitlines()]
        return "".join(f"> {line}".rstrip() + "\n" for line in lines)
    raise ValueError(f"no plain form of the directive {name!r}; there are {', '.join(DIRECTIVES)}")


def _formula(body: str, label: str) -> str:
    r"""A formula on lines of its own; its label stands for the number that the builder would give it."""
    tag = f"\n\\tag{{{label}}}" if label else ""
    return f"$$\n{body.strip()}{tag}\n$$\n"


def _role(role: re.Match, book: Book) -> str:
    name, text = role["role"], role["text"]
    target = (role["target"] or role["plain"]).strip()
    if name == "cite:t":
        return " and ".join(_look_up(book.works, key, "work")[0] for key in _keys(role))
    if name in ("cite", "cite:p"):
        return "(" + "; ".join(_look_up(book.works, key, "work")[0] for key in _keys(role)) + ")"
    if name == "doc":
        page = target.rsplit("/", 1)[-1]
        return f"[{text or _look_up(book.titles, page, 'page')}]({book.link(_look_up(book.places, page, 'page'))})"
    if name == "ref":
        return f"{text or 'exercise'} (exercise {_look_up(book.exercises, target, 'exercise')})"
    if name == "term":
        return f"[{text or target}]({book.link(_look_up(book.places, 'glossary', 'page'))})"
    if name == "eq":
        return f"({target})"
    if name == "math":
        return f"${role[0][len('{math}`'):-1]}$"
    raise ValueError(f"no plain form of the role {name!r}; there are {', '.join(ROLES)}")


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

    return {key: (_linked(_short(entry), entry), _long(entry)) for key, entry in
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
    return f"{who} ({entry.fields['year']}). *{_linked(_plain(entry.fields['title']), entry)}*.{ends}"


def _linked(text: str, entry) -> str:
    """With the address under which the work can be read, where the bibliography has one."""
    told = " ".join(entry.fields.get(name, "") for name in ("journal", "note"))
    preprint = re.search(r"arXiv:(\d{4}\.\d{4,5})", told)
    place = entry.fields.get("url") or (f"https://arxiv.org/abs/{preprint[1]}" if preprint else "")
    return f"[{text}]({place})" if place else text


def _persons(entry) -> list:
    return entry.persons.get("author") or entry.persons["editor"]


def _plain(text: str) -> str:
    """LaTeX of the bibliography as text."""
    from pybtex.richtext import Text

    return str(Text.from_latex(text)).replace("{", "").replace("}", "")

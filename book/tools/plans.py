"""The tables of the teachers' page, from what the chapters say of themselves: no number of them is typed.

    python book/tools/plans.py    # writes them into book/teaching.md, between its marks; a test keeps them in step

What a plan consists of is chosen here: which chapters on which day, and which of their exercises. Minutes, difficulties
and titles come from the notebooks.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

import exercises
from exercises import Exercise

from dbp.grading.other_inputs import INPUTS, WITHOUT

PAGE = exercises.ROOT / "book" / "teaching.md"
WORDS = {"five": 5, "ten": 10, "fifteen": 15, "twenty": 20, "twenty-five": 25, "thirty": 30, "forty": 40, "forty-five": 45,
         "fifty": 50, "sixty": 60, "an hour": 60}
TO_READ = re.compile(r"(?P<minutes>an hour|[\w-]+)(?: minutes)? to read(?P<do> and do)?", re.I)


class Part(NamedTuple):
    """A stretch of a plan: when, chapters by their numbers, and the labels of the exercises done in it."""

    when: str
    chapters: tuple[str, ...]
    exercises: tuple[str, ...] = ()


PLANS = {
    "lecture": (
        Part("lecture", ("01", "02")),
        Part("lab", (), ("ex-one-step", "ex-projection", "ex-loss-gradient-penalty", "ex-jacobian-penalty", "same-penalty")),
        Part("at home", ("03",), ("penalised-loss",)),
    ),
    "week": (
        Part("Monday", ("01",), ("ex-one-step", "ex-projection", "ex-margin", "ex-worst-case")),
        Part("Tuesday", ("02",), ("ex-input-gradient", "ex-loss-gradient-penalty", "ex-jacobian-penalty", "ex-free-pass")),
        Part("Wednesday", ("03", "04"), ("same-penalty", "penalised-loss", "footnote-penalty", "paired-gain")),
        Part("Thursday", ("05", "06"), ("negative-elbo", "linear-paths", "dbp-objective", "which-gradient")),
        Part("Friday", ("08",), ("area-under", "paired-difference", "break-it")),
    ),
    "project": (
        Part("week 1, all", ("01", "02"), ("ex-one-step", "ex-projection", "ex-worst-case", "ex-jacobian-penalty")),
        Part("week 1, classifiers", ("03", "04"), ("same-penalty", "penalised-loss", "adversarial-batch", "paired-gain")),
        Part("week 1, autoencoders", ("05", "06"), ("negative-elbo", "linear-paths", "dbp-objective", "which-gradient")),
        Part("week 2, autoencoders", ("08", "09"), ("area-under", "lower-envelope", "break-it", "recognises")),
        Part("week 2, classifiers", ("11",), ("missed", "find-eps", "break-masked", "transfer-table")),
        Part("week 2, all", ("12",), ("who-hides", "only-the-class")),
    ),
}


class Chapter(NamedTuple):
    """A chapter as the tables need it; `to_read` is what it says of itself, in minutes, and None where it says nothing."""

    path: Path
    to_read: int | None
    and_do: bool
    exercises: list[Exercise]

    @property
    def link(self) -> str:
        """As MyST writes it on a page of book/."""
        return f"{int(self.path.stem[:2])}. {{doc}}`../notebooks/{self.path.stem}`"


def chapters() -> dict[str, Chapter]:
    """The chapters that teach, by their numbers."""
    return {path.stem[:2]: Chapter(path, *minutes_to_read(path.read_text(encoding="utf-8")), exercises.read(path))
            for path in exercises.chapters()}


def minutes_to_read(text: str) -> tuple[int | None, bool]:
    """What a chapter says it takes to read, and whether that is "to read and do"; None where it does not say."""
    for found in TO_READ.finditer(text.split("\n## ")[0]):
        word = found["minutes"].lower()
        if word.isdigit() or word in WORDS:
            return int(word) if word.isdigit() else WORDS[word], bool(found["do"])
    return None, False


def tables(known: dict[str, Chapter] | None = None) -> dict[str, str]:
    """Every table of the page in Markdown, by the name between its marks."""
    known = chapters() if known is None else known
    return {"chapters": of_chapters(known), "exercises": of_exercises(known),
            **{name: of_plan(parts, known) for name, parts in PLANS.items()}}


def of_chapters(known: dict[str, Chapter]) -> str:
    """Each chapter: minutes to read, exercises, their minutes, and points, which are difficulties added up."""
    rows = [(chapter.link, reading(chapter), f"{len(chapter.exercises)}, {minutes(chapter.exercises)} min",
             str(points(chapter.exercises))) for chapter in known.values()]
    return table(("chapter", "to read", "exercises", "points"), rows)


def of_exercises(known: dict[str, Chapter]) -> str:
    """Each exercise: difficulty, minutes, and whether it has a hidden test, or why not."""
    rows = [(f"{each.number} {each.title}", str(each.difficulty), str(each.minutes),
             "yes" if each.label in INPUTS else f"no: {WITHOUT.get(each.label, 'none was written yet')}")
            for chapter in known.values() for each in chapter.exercises]
    return table(("exercise", "difficulty", "minutes", "hidden test"), rows)


def of_plan(parts: tuple[Part, ...], known: dict[str, Chapter]) -> str:
    """A plan: when, what is read, what is done, and both sums. Chapters that are not written yet are left out."""
    every = {each.label: each for chapter in known.values() for each in chapter.exercises}
    rows, read, done = [], 0, []
    for part in parts:
        there = [known[number] for number in part.chapters if number in known]
        chosen = [every[label] for label in part.exercises if label in every]
        rows.append((part.when, "<br>".join(f"{each.link}, {reading(each)}" for each in there) or "–",
                     "<br>".join(f"{each.number} {each.title}, {each.minutes} min" for each in chosen) or "–",
                     f"{minutes(chosen)} min" if chosen else "–"))
        read, done = read + sum(each.to_read or 0 for each in there), done + chosen
    rows.append(("**in all**", f"**{read} min**", f"**{len(done)} exercises, {points(done)} points**",
                 f"**{minutes(done)} min**"))
    return table(("when", "read", "do", "exercises take"), rows)


def reading(chapter: Chapter) -> str:
    """The minutes that a chapter says it takes; a star where it counts exercises too."""
    return "not said" if chapter.to_read is None else f"{chapter.to_read} min" + ("\\*" if chapter.and_do else "")


def minutes(chosen: list[Exercise]) -> int:
    """How long some exercises take together."""
    return sum(each.minutes for each in chosen)


def points(chosen: list[Exercise]) -> int:
    """What some exercises are worth together."""
    return sum(each.difficulty for each in chosen)


def table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, tuple("---" for _ in heads), *rows])


def marked(name: str) -> re.Pattern:
    """Where a table stands on the page."""
    return re.compile(rf"(?P<begin><!-- table: {name} -->\n).*?(?P<end><!-- end of {name} -->)", re.S)


def filled(page: str, known: dict[str, str]) -> str:
    """The page with its tables as they should be.

    Raises:
        ValueError: a table has no place on the page.
    """
    for name, text in known.items():
        if not marked(name).search(page):
            raise ValueError(f"the page has no marks for the table {name!r}, as <!-- table: {name} -->")
        page = marked(name).sub(lambda mark, text=text: f"{mark['begin']}\n{text}\n\n{mark['end']}", page)
    return page


def main() -> None:
    page = PAGE.read_text(encoding="utf-8")
    text = filled(page, tables())
    if text == page:
        return print("the tables of book/teaching.md are in step")
    temporary = PAGE.with_name(f".{PAGE.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, PAGE)
    print("wrote the tables of book/teaching.md")


if __name__ == "__main__":
    main()

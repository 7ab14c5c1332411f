"""How long, what before, what next: the lines with which every chapter begins and ends, and whether they can be believed."""

import re

import exercises
import guards
import jupytext
import pytest

CHAPTERS = exercises.chapters()
NAMED = dict(ids=lambda path: path.stem)
TIME = re.compile(r"^\*\*Time and hardware\.\*\* (?P<read>\d+) minutes to read, (?P<do>\d+) for the exercises\. \S", re.M)
BEFORE = re.compile(r"^\*\*Before you begin\.\*\* (?P<what>.+)$", re.M)
NEXT = re.compile(r"^\*\*Next\.\*\* (?P<what>.+\?)$", re.M)
WORDS_A_MINUTE = 140  # of a text with formulas
LINES_A_MINUTE = 12  # of code that is shown
LOOKS_A_MINUTE = 2  # at a figure or a table


def reading_minutes(nb) -> float:
    """How long the open part of a chapter takes: words outside of exercises, visible code, figures and tables."""
    inside, words, lines, looks = False, 0, 0, 0
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            for part in re.split(r"(^:::\{(?:exercise|solution)-(?:start|end)\}.*$)", cell.source, flags=re.M):
                if gate := re.match(r":::\{(?:exercise|solution)-(start|end)\}", part):
                    inside = gate[1] == "start"
                elif not inside:
                    words += len(part.split())
                    looks += len(re.findall(r"^\|[ :|-]+\|$", part, re.M))
        elif {"figure", "table"} & set(cell.metadata.get("tags", [])):
            looks += 1
        elif "hide-input" not in cell.metadata.get("tags", []) and not inside:
            lines += sum(bool(line.strip()) for line in cell.source.splitlines())
    return words / WORDS_A_MINUTE + lines / LINES_A_MINUTE + looks / LOOKS_A_MINUTE


def unsaid(nb, chapter: str, following: str) -> list[str]:
    """What the head and the end of a chapter leave unsaid, or say wrongly; `following` is the name of the next page."""
    text = "\n\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
    head, end = text.split("\n## ")[0], text.split("\n## References")[0].rstrip()
    wrong = []
    if not (time := TIME.search(head)):
        wrong.append("no line '**Time and hardware.** N minutes to read, M for the exercises. ...' in its head")
    else:
        exercise = sum(each.minutes for each in exercises.of_notebook(nb, chapter))
        if int(time["do"]) != exercise:
            wrong.append(f"{time['do']} minutes for the exercises, but theirs add up to {exercise}")
        takes = reading_minutes(nb)
        if not 0.75 * takes <= int(time["read"]) <= 1.5 * takes:
            wrong.append(f"{time['read']} minutes to read, but its words, code, figures and tables take about {takes:.0f}")
    if not (before := BEFORE.search(head)) or len(before["what"].split()) < 8:
        wrong.append("no line '**Before you begin.** ...' in its head that says what one should know")
    if not (last := NEXT.search(end.split("\n\n")[-1])):
        wrong.append("its last line before the references is not '**Next.** ...?', what the next chapter asks")
    elif f"`{following}" not in last["what"]:
        wrong.append(f"**Next.** does not link to {following}")
    return wrong


def following(path) -> str:
    """The next chapter; after the last one any page may follow."""
    names = [each.stem for each in CHAPTERS]
    return dict(zip(names, [*names[1:], ""], strict=True))[path.stem]


@pytest.mark.parametrize("path", CHAPTERS, **NAMED)
def test_chapter_says_how_long_it_takes_what_to_know_before_and_what_the_next_one_asks(path):
    assert unsaid(jupytext.read(path), path.stem, following(path)) == []


@pytest.mark.parametrize(("pattern", "by", "found"), [
    (r"\d+ minutes to read", "2 minutes to read", "2 minutes to read, but its words"),
    (r"\d+ minutes to read", "500 minutes to read", "500 minutes to read, but its words"),
    (r"\d+ for the exercises", "1 for the exercises", "1 minutes for the exercises, but theirs add up to"),
    (r"\*\*Time and hardware", "**Time", "no line '**Time and hardware.**"),
    (r"(\*\*Before you begin\.\*\*).+", r"\1 Nothing.", "no line '**Before you begin.** ...'"),
    (r"\*\*Next\.\*\*.+", "Enough.", "its last line before the references"),
    (r"(\*\*Next\.\*\*.+)02_double", r"\1 03_l1", "does not link to 02_double_backpropagation"),
])
def test_a_head_or_an_end_that_says_nothing_is_noticed(pattern, by, found):
    path = CHAPTERS[0]
    text, count = re.subn(pattern, by, path.read_text(encoding="utf-8"))
    wrong = unsaid(jupytext.reads(text, fmt="md:myst"), path.stem, following(path))
    assert count == 1 and len(wrong) == 1 and found in wrong[0]


@pytest.mark.parametrize("path", [guards.ROOT / "notebooks" / f"{path.stem}.md" for path in CHAPTERS], **NAMED)
def test_tables_of_the_text_have_at_most_four_columns(path):
    rules = re.findall(r"^\|[ :|-]+\|$", path.read_text(encoding="utf-8"), re.M)
    assert [rule for rule in rules if rule.count("|") - 1 > 4] == []

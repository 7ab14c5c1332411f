"""Which name was meant? The hint at the end of an error about an unknown one."""

import difflib
from collections.abc import Iterable


def nearest(found: str, known: Iterable[str]) -> str:
    """` (did you mean ...?)` with the name nearest to `found`, or nothing."""
    near = difflib.get_close_matches(found, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def require_name(found: object, known: Iterable[str], kind: str) -> None:
    """Refuse a name that is not one of `known`; the message gives them all and the nearest one.

    Args:
        found: what was asked for.
        known: the names that there are.
        kind: what is named, e.g. "data set".

    Raises:
        ValueError: it is not; one line.
    """
    known = list(known)
    if found not in known:
        raise ValueError(f"no {kind} named {found!r}; there are {', '.join(known)}{nearest(str(found), known)}")

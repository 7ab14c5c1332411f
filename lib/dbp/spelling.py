"""Which name was meant? The hint at the end of an error about an unknown one."""

import difflib
from collections.abc import Iterable


def nearest(found: str, known: Iterable[str]) -> str:
    """` (did you mean ...?)` with the name nearest to `found`, or nothing."""
    near = difflib.get_close_matches(found, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""

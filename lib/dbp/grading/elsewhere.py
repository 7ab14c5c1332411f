"""Does an answer hold on other inputs than the check's? The hidden test of an exercise.

A visible check tries a student's function on fixed inputs, which a student can read. Here the same function gets random
ones, and must give what the book's own solution gives. `INPUTS` has a line for each exercise where that says something;
`WITHOUT` has the others, with the reason.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Generator, Tensor

from dbp.grading.other_inputs import INPUTS, WITHOUT
from dbp.spelling import require_name

DRAWS = 8  # one answer in eight that agrees by chance does no harm


def agrees_elsewhere(label: str, student: Callable, reference: Callable) -> None:
    """Raise AssertionError unless a student's function gives what the reference gives, on random inputs.

    Args:
        label: of the exercise, as in `INPUTS`; one of `WITHOUT` passes.
        student: the function that was handed in.
        reference: the book's solution.

    Raises:
        AssertionError: the two differ; the message gives both answers.
        ValueError: the exercise is unknown.
    """
    require_name(label, [*INPUTS, *WITHOUT], "exercise")
    if label in WITHOUT:
        return
    case = INPUTS[label]
    for seed in range(DRAWS):
        # Inputs are drawn twice, since an answer may change them or use up their graph.
        expected, found = (case.seen(function(*case.given(Generator().manual_seed(seed))))
                           for function in (reference, student))
        if not same(found, expected, case.tolerance):
            raise AssertionError(f"on other inputs than the check's, found {_short(found)}, expected {_short(expected)}: the"
                                 " answer must hold for any inputs, not for those of the check alone")


def same(found: object, expected: object, tolerance: float) -> bool:
    """Whether two answers agree: tensors and numbers to a tolerance, absolute and relative; the rest entry by entry.

    Args:
        found, expected: tensors, numbers, lists, tuples or dicts of these.
        tolerance: of two numbers.
    """
    if isinstance(expected, Mapping):
        return isinstance(found, Mapping) and found.keys() == expected.keys() and all(
            same(found[key], expected[key], tolerance) for key in expected)
    if isinstance(expected, list | tuple):
        return isinstance(found, list | tuple) and len(found) == len(expected) and all(
            same(one, other, tolerance) for one, other in zip(found, expected, strict=True))
    try:
        one, other = (torch.as_tensor(value).detach().double() for value in (found, expected))
    except (TypeError, ValueError, RuntimeError):
        return found == expected
    one, other = one.squeeze(), other.squeeze()  # a number may be a tensor of one entry
    return one.shape == other.shape and torch.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True)


def _short(answer: object) -> str:
    if isinstance(answer, Tensor):
        return "(" + ", ".join(f"{value:.4g}" for value in answer.detach().double().flatten()[:4].tolist()) + ", ...)"
    text = " ".join(repr(answer).split())
    return text if len(text) < 80 else text[:77] + "..."

"""Do I know enough to begin? The ten questions of page "For teachers"; each wrong answer says what to read up."""

__all__ = ["self_test"]

OPTIONS = "abcd"
# The right letter of each question, and why.
ANSWERS = (
    ("c", "flatten(1) keeps the first dimension, the batch, and joins the others: 1 x 28 x 28 = 784"),
    ("a", "the derivative of x1^2 x2 is 2 x1 x2 = 6 in x1 and x1^2 = 1 in x2"),
    ("b", "the mean is the sum over ten, so each image's share of it, and its gradient, is a tenth"),
    ("d", "create_graph=True records how the gradient was computed, so that one can differentiate it once more"),
    ("b", "softmax divides exp(l_i) by the sum of all exp(l_j); a common factor exp(5) cancels"),
    ("a", "cross-entropy is minus the natural logarithm of the true class's probability: -log(1/e) = 1"),
    ("c", "L1 adds absolute values, 3 + 4; L2 is the root of 9 + 16; the L-infinity norm is the largest, 4"),
    ("d", "backward() adds to .grad; without zero_grad each step would go along the sum of all gradients so far"),
    ("b", "the standard error is the root of 0.9 x 0.1 / 100, which is 3 points, and 95 % are about two of them"),
    ("a", "one row an output and one column an input; a backward pass gives one row"),
)


def self_test(answers: str) -> str:
    """Self-test "Before you begin": `answers` has one letter a question, from a to d, as "abcd abcd ab".

    Raises:
        AssertionError: how many are right, and the reason behind each question that was answered otherwise.
    """
    found = [letter for letter in str(answers).lower() if letter not in " ,;\n"]
    if len(found) != len(ANSWERS) or set(found) - set(OPTIONS):
        raise AssertionError(f"found {str(answers)!r}, expected {len(ANSWERS)} letters from a to d, one a question")
    wrong = [f"question {number}: you said {letter}, it is {right}: {why}"
             for number, (letter, (right, why)) in enumerate(zip(found, ANSWERS, strict=True), 1) if letter != right]
    if wrong:
        raise AssertionError(f"{len(ANSWERS) - len(wrong)} of {len(ANSWERS)} are right. " + ". ".join(wrong))
    return f"All {len(ANSWERS)} are right: you can begin with chapter 01."

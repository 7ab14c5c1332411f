"""Did I get it right? The exercises of chapter "An autoencoder with double backpropagation"."""

import functools
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from dbp.checks.comparing import near, number, row, tensor
from dbp.data import load
from dbp.metrics import autoencoder_gradients, reconstruction
from dbp.models.vae import Autoencoder, Bernoulli, Output, dense_vae, sample
from dbp.training import AutoencoderTraining, fit_autoencoder

__all__ = ["choose_penalty", "dbp_objective", "linear_paths", "summed_lambda", "which_gradient"]

READINGS = ("whole", "encoder path", "jacobian")
ANSWERS = {
    "Eq. (10)": ("whole", "it prints one x for both places, and detaches nothing"),
    "Section 3, in words": ("jacobian", "the text says that dx'/dx is minimised"),
    "target detached": ("encoder path", "the target is held, so only the way through the encoder is left"),
    "moves the reconstruction": ("jacobian", "how far x' moves is dx'/dx; no loss and no target has a say in it"),
}


def linear_paths(student: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> str:
    """Exercise "Two pixels by hand": `student(A [D, D], x [D])`, both parts of the gradient of ||A x - x||^2 / 2, [D] each.

    First the part through the autoencoder x' = A x, then the part through the target.

    Raises:
        AssertionError: what was found, what was expected and the likeliest slip.
    """
    A, x = torch.tensor([[1.0, 2.0], [0.0, 3.0]]), torch.tensor([1.0, 1.0])
    error = torch.tensor([2.0, 2.0])  # A x = (3, 3)
    encoder, target = torch.tensor([2.0, 10.0]), -error
    found = student(A, x)
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise AssertionError(f"found {found!r}, expected two tensors: through the autoencoder, through the target")
    found = [tensor(part, (2,)) for part in found]
    slips = [
        (0, A @ error, "A goes forwards; backwards the error passes through its transpose"),
        (0, target, "the two parts are in the other order: first through the autoencoder"),
        (0, 2 * encoder, "twice too long: the loss has a factor of one half"),
        (0, encoder + target, "this is the sum of both parts already; keep them apart"),
        (1, error, "a brighter target makes the error x' - x smaller, so this part has a minus"),
        (1, torch.zeros(2), "the target is x as well, so its part is not zero"),
    ]
    for part, wrong, slip in slips:
        if near(found[part], wrong):
            raise AssertionError(f"found {row(found[part])}, expected {row((encoder, target)[part])}: {slip}")
    for name, value, expected in zip(("autoencoder", "target"), found, (encoder, target), strict=True):
        if not near(value, expected):
            raise AssertionError(f"found {row(value)} through the {name}, expected {row(expected)}; the error is A x - x")
    return "Right: A^T (A x - x) and -(A x - x). For A = 1 they cancel, though x' moves exactly as x does."


def summed_lambda(student: Callable[[float, int], float]) -> str:
    """Exercise "Change the unit": `student(lam, pixels)`, for sums over pixels what `lam` is where everything is averaged.

    Raises:
        AssertionError: what was found, what was expected and the likeliest slip.
    """
    slips = {32.0: "multiplied instead of divided: the averaged gradient is the shorter one, so its lambda is the larger",
             0.5: "divided twice: the squared norm shrinks by 16, but the loss beside it shrinks by 4, and 4 are left",
             8.0: "the two units were taken for the same: the loss shrinks by 4, the squared norm by 16",
             4.0: "divided by the root of the pixels: the norm is squared, so it shrinks by pixels squared"}
    number(float(student(8.0, 4)), 2.0, slips, "8 / 4 pixels")
    return "Right: the paper's lambda_2 = 1, if all of it was averaged over 784 pixels, is 0.0013 in our unit."


class _Toy(Autoencoder):
    """Two pixels, one latent: mu = x_1 + x_2, sigma = 1, logits z w."""

    def __init__(self) -> None:
        super().__init__(1, Bernoulli())
        self.w = nn.Parameter(torch.tensor([2.0, -1.0]))

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Output:
        mu = x.flatten(1).sum(1, keepdim=True)
        logvar = torch.zeros_like(mu)
        return Output((sample(mu, logvar, noise) * self.w).reshape(x.shape), mu, logvar)


def dbp_objective(student: Callable[[Autoencoder, Tensor, Tensor, float, str], Tensor]) -> str:
    """Exercise "Write the objective": `student(model, x, noise, lam2, target)` is P1 Eq. (11) with lambda_1 = 1, [B].

    Raises:
        AssertionError: what was found, what was expected and the likeliest slip.
    """
    x, noise = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.0], [0.5]])
    for target in ("attached", "detached"):
        model = _Toy()
        found = tensor(student(model, x.reshape(2, 1, 1, 2), noise, 0.3, target), (2,))
        loss, kl, both = _by_hand(model.w, x, noise)
        penalty = both[target]
        expected, other = loss + kl + 0.3 * penalty, both["attached" if target == "detached" else "detached"]
        slips = {
            "this is the other reading of the target": loss + kl + 0.3 * other,
            "the KL divergence is missing": loss + 0.3 * penalty,
            "the penalty is missing": loss + kl,
            "this is the norm; Eq. (11) squares it": loss + kl + 0.3 * penalty.sqrt(),
            "lambda_2 is missing before the penalty": loss + kl + penalty,
            "the penalty sees the KL divergence too; Eq. (11) differentiates the reconstruction loss alone":
                loss + kl + 0.3 * _by_hand(model.w, x, noise, 1.0)[2][target],
        }
        for slip, wrong in slips.items():
            if near(found, wrong):
                raise AssertionError(f"target {target}: found {row(found)}, expected {row(expected)}: {slip}")
        if not near(found, expected):
            hint = "; was the noise left out?" if near(found[:1], expected[:1]) else ""
            raise AssertionError(f"target {target}: found {row(found)}, expected {row(expected)}{hint}")
        (wanted,) = torch.autograd.grad(expected.sum(), model.w)
        gradient = torch.autograd.grad(found.sum(), model.w, allow_unused=True)[0] if found.requires_grad else None
        if gradient is None or not near(gradient, wanted):
            raise AssertionError("the value is right, but it trains something else: was create_graph=True forgotten?")
    return "Right: reconstruction, KL divergence and penalty, in both readings, and it can be trained."


def _by_hand(w: Tensor, x: Tensor, noise: Tensor, of_kl: float = 0.0) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Of `_Toy`, without autograd: loss, KL divergence, and the penalty in both readings, [B] each.

    With `of_kl` = 1 the KL divergence, whose gradient is mu for both pixels, is penalised too.
    """
    mu = x.sum(1, keepdim=True)
    logits = (mu + noise) * w
    encoder = ((logits.sigmoid() - x) @ w)[:, None].expand(-1, 2) + of_kl * mu  # J^T (x' - x)
    loss = (nn.functional.softplus(logits) - x * logits).sum(1)
    return loss, mu[:, 0] ** 2 / 2, {"attached": (encoder - logits).square().sum(1), "detached": encoder.square().sum(1)}


def which_gradient(student: Callable[[], Mapping[str, str]]) -> str:
    """Exercise "Which of the three?": `student()` gives for each question of `ANSWERS` one of `READINGS`.

    Raises:
        AssertionError: the first answer that is missing or wrong, and why.
    """
    answers = student()
    if not isinstance(answers, Mapping):
        raise AssertionError(f"found {answers!r}, expected a dict with an answer for each of {', '.join(ANSWERS)}")
    for question, (expected, why) in ANSWERS.items():
        found = answers.get(question)
        if found not in READINGS:
            raise AssertionError(f"{question}: found {found!r}, expected one of {', '.join(READINGS)}")
        if found != expected:
            raise AssertionError(f"{question}: found {found!r}, expected {expected!r}: {why}")
    return "Right: said is one, written is another, and trained may be a third."


WORSE, FLATTER = 1.03, 0.65  # of exercise "Choose the penalty": the most loss and slope, as shares of those without it


def choose_penalty(student: Callable[[Callable[[float, str], tuple[float, float]]], tuple[float, str]]) -> str:
    """Exercise "Choose the penalty": `student(train)` returns (lam2, target), found by trying.

    `train(lam2, target)` trains a small VAE on 800 digits of 7 x 7 pixels, and gives its reconstruction loss, in nats a
    pixel, and the Frobenius norm of dx'/dx, both on other digits. The choice is judged by networks from two further seeds.

    Raises:
        AssertionError: what the choice does to loss and slope, and the likeliest slip.
    """
    tried = []

    def train(lam2: float, target: str = "attached") -> tuple[float, float]:
        tried.append((float(lam2), target))
        if len(tried) > 20:
            raise AssertionError("train was called more than 20 times: go in factors of three first, then look closer")
        return small_vae(float(lam2), target, 0)

    found = student(train)
    if not isinstance(found, tuple | list) or len(found) != 2 or found[1] not in ("attached", "detached"):
        raise AssertionError(f"found {found!r}, expected (lam2, target), as (0.01, 'attached')")
    choice = float(found[0]), found[1]
    if choice not in tried:
        raise AssertionError(f"lambda_2 = {choice[0]:g}, {choice[1]}, was never tried: a guess is no result")
    changes = [[one / other for one, other in zip(small_vae(*choice, seed), small_vae(0.0, "attached", seed), strict=True)]
               for seed in (1, 2)]
    loss, slope = (max(values) for values in zip(*changes, strict=True))
    told = f"on other seeds the loss is up to {loss:.2f} times, dx'/dx up to {slope:.2f} times that without a penalty"
    if slope > FLATTER:
        slip = "a stronger one flattens more"
        if choice[1] == "attached":
            slip = "the attached penalty lets the way through the encoder grow; which part does an attacker use?"
        raise AssertionError(f"{told}; dx'/dx should fall to {FLATTER} at most: {slip}")
    if loss > WORSE:
        raise AssertionError(f"{told}; the loss should stay below {WORSE}: this much penalty costs the picture, or the code"
                             " has collapsed. Take less")
    return f"Right: {told}."


@functools.cache
def small_vae(lam2: float, target: str, seed: int) -> tuple[float, float]:
    """Reconstruction loss, nats a pixel, and norm of dx'/dx, on 200 digits, of a small VAE with that penalty."""
    digits = load("mnist", source="embedded")
    images, others = (nn.functional.avg_pool2d(part, 4) for part in (digits.train.images[:800], digits.test.images[:200]))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vae = dense_vae((1, 7, 7), latents=6, hidden=64)
    # The code of so small an image is worth little, so it is made cheap: else no latent would be used.
    settings = AutoencoderTraining(16, batch_size=50, learning_rate=1e-2, lam1=0.1, lam2=lam2, target=target, clip=5)
    fit_autoencoder(vae, images, settings, generator=torch.Generator().manual_seed(seed))
    vae = vae.cpu()
    slopes = autoencoder_gradients(vae, others[:100], projections=8)["jacobian"]
    return reconstruction(vae, others)["reconstruction"], float(slopes.mean())

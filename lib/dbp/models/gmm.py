"""Gaussian mixtures on codes as a classifier: P1 Section 4, Eq. (13) and (14), and f(x) = g(e(x)) through to the pixels.

Every class has a mixture of its own. scikit-learn fits it by EM; the densities are torch's, and can be differentiated.
"""

import math
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from dbp.files import one_line, read_tensors, write_tensors
from dbp.models.vae import sample
from dbp.spelling import require_name

COVARIANCES = ("full", "tied", "diag", "spherical")  # scikit-learn's names; tied: one matrix a class
CANDIDATES = (1, 2, 3, 5, 8, 12)  # numbers of components that "bic" chooses among
ITERATIONS = 500  # of EM, at most
WITHOUT_FLOAT64 = ("mps",)  # devices


class ClassConditionalGMM(nn.Module):
    """One Gaussian mixture a class, P1 Eq. (13): p_i(z) = sum_j pi_ij N(z; mu_ij, Sigma_ij). Made by `fit` or `load`.

    Nothing in it is a parameter. It stays in float64 whatever `to` asks for: far from all means, classes differ by small
    differences of large numbers. Where the device has no float64 (Apple's GPU) it stays on the CPU.

    Args:
        means: mu, [C, K, D], for C classes, K components (the most of any class), D latents.
        precision_cholesky: U with U U^T = Sigma^-1, [C, K, D, D]; [C, K, D], its diagonal, where Sigma is diagonal.
        log_weights: log pi, [C, K]; minus infinity where a class has fewer components.
        priors: share of each class in what was fitted, [C]; equal without.
        held: of each component how many directions have a variance that the ridge decides, not the data, [C, K].
        fitted: how: covariance, ridge, seed; `bic`, for each class the numbers of components tried and their BIC.

    Raises:
        ValueError: shapes that do not go together.
    """

    def __init__(
        self, means: Tensor, precision_cholesky: Tensor, log_weights: Tensor, priors: Tensor | None = None,
        held: Tensor | None = None, fitted: dict | None = None,
    ) -> None:
        super().__init__()
        shape, factor = list(means.shape), list(precision_cholesky.shape)
        if len(shape) != 3 or factor not in (shape, shape + shape[2:]) or list(log_weights.shape) != shape[:2]:
            wanted = "means [C, K, D], precision_cholesky [C, K, D, D] or [C, K, D], log_weights [C, K]"
            raise ValueError(f"shapes must be {wanted}, but are {shape}, {factor}, {list(log_weights.shape)}")
        priors = torch.full(shape[:1], 1 / shape[0], dtype=torch.float64) if priors is None else priors
        held = torch.zeros(shape[:2], dtype=torch.int64) if held is None else held
        self.register_buffer("means", means.double())
        self.register_buffer("precision_cholesky", precision_cholesky.double())
        self.register_buffer("log_weights", log_weights.double())
        self.register_buffer("priors", priors.to(means.device).double())
        self.register_buffer("held", held.to(means.device))
        self.fitted = fitted or {}

    @classmethod
    def fit(
        cls, z: Tensor, y: Tensor, *, components: int | str = 5, covariance: str = "full", ridge: float = 1e-6,
        seed: int = 0, classes: int | None = None, candidates: Sequence[int] = CANDIDATES,
    ) -> "ClassConditionalGMM":
        """Fit every class's mixture by EM (scikit-learn's GaussianMixture), from one start by k-means.

        P1 gives neither K nor the kind of covariance. EM finds a local optimum: another seed gives another mixture.

        Args:
            z: codes, [N, D], floating point; see `codes`. The mixtures are on their device, but see the class.
            y: labels, [N], int64, from 0.
            components: K for each class, or "bic": for each class the one of the `candidates` with the least BIC.
            covariance: "full", "tied" (one matrix for all components of a class), "diag" or "spherical".
            ridge: added to each variance, in squared units of the code; a direction in which the codes hardly vary, as in
                latents that the decoder ignores, gets about this variance, and `held` counts it.
            seed: of k-means, the same for each class, so that a class's mixture does not depend on the other classes.
            classes: C; by default the largest label and one.
            candidates: numbers that "bic" tries; those that a class has too few codes for are left out.

        Raises:
            TypeError: an argument of the wrong type.
            ValueError: codes that are not finite; a class with fewer distinct codes than its covariances need (full
                K (D + 1), tied D + K, else 2 K); a covariance that is singular in spite of the ridge.
        """
        classes, tried = _check_fit(z, y, components, covariance, ridge, classes, candidates)
        points, labels = z.detach().cpu().double().numpy(), y.cpu().numpy()
        found = [_fit_class(points[labels == i], i, tried, covariance, ridge, seed) for i in range(classes)]
        *parts, bic = zip(*found, strict=True)
        filled = (0.0, 1.0, -math.inf, 0)  # a class with fewer components than another has some of weight 0
        means, factors, weights, held = (
            pad_sequence(part, batch_first=True, padding_value=fill) for part, fill in zip(parts, filled, strict=True))
        fitted = {"covariance": covariance, "ridge": float(ridge), "seed": seed, "bic": list(bic)}
        priors = torch.from_numpy(np.bincount(labels, minlength=classes) / len(labels))
        return cls(means, factors, weights, priors, held, fitted).to(z.device)

    @property
    def components(self) -> list[int]:
        """How many components each class has."""
        return (self.log_weights > -math.inf).sum(1).tolist()

    @property
    def bic(self) -> list[dict[int, float]]:
        """For each class, the numbers of components that were tried and their BIC; the least was taken."""
        return [{int(k): value for k, value in tried.items()} for tried in self.fitted.get("bic", [])]  # text in JSON

    def forward(self, z: Tensor) -> Tensor:
        """log p_i(z) of each class, P1 Eq. (13), mixture weights included and class priors not, in nats.

        Args:
            z: codes, [B, D], in any floating-point type; the gradient comes back in it.

        Returns:
            [B, C], always float64, on the device of the mixtures.

        Raises:
            ValueError: codes of another size, or on another device.
        """
        home, size = self.means.device, self.means.shape[2]
        away = z.device != home and z.device.type not in WITHOUT_FLOAT64
        if z.shape[1:] != (size,) or not z.is_floating_point() or away:
            found = f"{z.dtype}, {list(z.shape)}, on {z.device}"
            raise ValueError(f"z must be floating point, [B, {size}], on {home}, but is {found}")
        factor = self.precision_cholesky
        offset = z.to(home).double()[:, None] - self.means.flatten(0, 1)  # z - mu_ij   [B, C K, D]
        if factor.ndim == 4:
            white = torch.einsum("bmd,mde->bme", offset, factor.flatten(0, 1))
            scale = factor.diagonal(dim1=2, dim2=3).log().sum(2)  # log det Sigma^-1/2   [C, K]
        else:
            white, scale = offset * factor.flatten(0, 1), factor.log().sum(2)
        distance = white.square().sum(2).unflatten(1, self.log_weights.shape)  # (z - mu)^T Sigma^-1 (z - mu)   [B, C, K]
        log_normal = scale - (distance + size * math.log(2 * math.pi)) / 2
        return (self.log_weights + log_normal).logsumexp(2)

    def probabilities(self, z: Tensor, priors: str | Tensor | None = None) -> Tensor:
        """The classes' densities, normalised: g(z) of P1 Eq. (14), [B, C], float64; each row sums to 1.

        Args:
            z: codes, [B, D].
            priors: None for equal ones, as in the paper; "empirical" for the shares of the classes in what was fitted;
                or one for each class, [C], above 0, in any unit.

        Raises:
            ValueError: other priors.
        """
        if isinstance(priors, str):
            require_name(priors, ("empirical",), "kind of priors")
            priors = self.priors
        priors = torch.ones_like(self.priors) if priors is None else torch.as_tensor(priors).to(self.priors)
        if priors.shape != self.priors.shape or not bool(((priors > 0) & priors.isfinite()).all()):
            raise ValueError(f"priors must be finite and above 0, [{len(self.priors)}], but are {priors.tolist()}")
        return (self(z) + priors.log()).softmax(1)

    def save(self, path: str | Path) -> None:
        """Write it as safetensors, with how it was fitted (see `dbp.files.write_tensors`)."""
        write_tensors(Path(path), self.state_dict(), {"kind": type(self).__name__, "fitted": self.fitted})

    @classmethod
    def load(cls, path: str | Path) -> "ClassConditionalGMM":
        """Read what `save` wrote, onto the CPU.

        Raises:
            FileNotFoundError: no such file. ValueError: it was changed (dbp.files.Damaged), or holds something else.
        """
        tensors, meta = read_tensors(Path(path))
        if meta.get("kind") != cls.__name__:
            raise ValueError(f"{path} must hold a {cls.__name__}, but its kind is {meta.get('kind')!r}")
        return cls(**tensors, fitted=meta["fitted"])

    def extra_repr(self) -> str:
        how = {name: value for name, value in self.fitted.items() if name != "bic"}
        return f"latents={self.means.shape[2]}, components={self.components}, {how}"

    def _apply(self, fn, recurse: bool = True):
        device = fn(self.means[:0].float()).device  # where `to` wants it; its type of number is not asked
        home = self.means.device if device.type in WITHOUT_FLOAT64 else device
        return super()._apply(lambda tensor: tensor.to(home), recurse)


class EncoderClassifier(nn.Module):
    """f(x) = g(e(x)), P1 Section 4: a classifier like any other, made of an encoder and of a head on its codes.

    Logits are the head's, less the largest of each row, in the type of the images. With mixtures as the head these are
    class log densities but for a constant a row, which changes neither label nor probabilities nor margin. It is taken off
    in float64: the margin survives float32, the densities themselves would not. And the gradient of the cross-entropy
    keeps its part at the label, which is rounded away beyond a margin of 17 nats otherwise.

    Args:
        autoencoder: see `dbp.models.vae.Autoencoder`; its decoder is not used.
        head: codes, [B, D], to logits, [B, C]: a `ClassConditionalGMM`, a linear layer, any module.
        samples: 0 takes the mean code; else the head's probabilities are averaged over so many codes from q(z|x), and
            logits are the log of that. Their noise is drawn once: the classifier is the same function at each call.
        seed: of that noise.
    """

    def __init__(self, autoencoder: nn.Module, head: nn.Module, *, samples: int = 0, seed: int = 0) -> None:
        super().__init__()
        self.autoencoder, self.head = autoencoder, head
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("noise", torch.randn(samples, autoencoder.latents, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        """Logits, [B, C], of images in [0, 1], [B, channels, height, width]."""
        mu, logvar = self.autoencoder.encode(x)
        if len(self.noise):
            each = self.head(sample(mu[:, None], logvar[:, None], self.noise).flatten(0, 1)).log_softmax(1)
            logits = each.unflatten(0, (len(x), -1)).logsumexp(1)  # log sum_s g(z_s)   [B, C]
        else:
            logits = self.head(mu)
        return (logits - logits.amax(1, keepdim=True)).to(x)  # the largest is not detached: see the class


def codes(autoencoder: nn.Module, images, *, generator: torch.Generator | None = None, batch_size: int = 1000) -> Tensor:
    """The codes of images, [N, D], without a graph: what `ClassConditionalGMM.fit` takes.

    Args:
        autoencoder: see `dbp.models.vae.Autoencoder`.
        images: [N, channels, height, width], a tensor or a `dbp.data.PixelStore`, on its device.
        generator: without one, the mean codes; with a CPU generator, one sample from each q(z|x).
        batch_size: images at once.
    """
    found = []
    with torch.no_grad():
        for start in range(0, len(images), batch_size):
            mu, logvar = autoencoder.encode(images[start : start + batch_size])
            noise = None if generator is None else torch.randn(mu.shape, generator=generator).to(mu)
            found.append(sample(mu, logvar, noise))
    return torch.cat(found)


def _check_fit(z, y, components, covariance, ridge, classes, candidates) -> tuple[int, list[int]]:
    """The number of classes, and the numbers of components to try."""
    require_name(covariance, COVARIANCES, "covariance")
    kinds = [str(each.dtype) if isinstance(each, Tensor) else type(each).__name__ for each in (z, y)]
    if not isinstance(z, Tensor) or not z.is_floating_point() or kinds[1] != "torch.int64":
        raise TypeError(f"z and y must be a floating-point and an int64 tensor, but are {' and '.join(kinds)}")
    if z.ndim != 2 or not z.numel() or y.shape != z.shape[:1]:
        raise ValueError(f"z and y must be [N, D] and [N], but have the shapes {list(z.shape)} and {list(y.shape)}")
    if wrong := int((~z.isfinite()).any(1).sum()):
        raise ValueError(f"z must be finite, but {wrong} of {len(z)} codes are not")
    if not 0 <= ridge < math.inf:  # NaN neither
        raise ValueError(f"ridge must be finite and at least 0, but is {ridge!r}")
    tried = list(candidates) if components == "bic" else [components]
    if not tried or any(type(k) is not int or k < 1 for k in tried):
        raise ValueError(f"components must be a whole number of at least 1, or 'bic' among such, but are {tried}")
    count = int(y.max()) + 1 if classes is None else classes
    if int(y.min()) < 0 or int(y.max()) >= count:
        raise ValueError(f"y must lie from 0 to {count - 1}, but reaches from {int(y.min())} to {int(y.max())}")
    return count, tried


def _fit_class(points: np.ndarray, label: int, tried: list[int], covariance: str, ridge: float, seed: int):
    """Means, precision factors, log weights, directions that the ridge holds, each [K, ...]; the BIC of what was tried."""
    size, distinct = points.shape[1], len(np.unique(points, axis=0))
    needed = {k: {"full": k * (size + 1), "tied": size + k}.get(covariance, 2 * k) for k in tried}
    if (least := min(needed.values())) > distinct:
        wanted = f"at least {least} distinct codes for {min(tried)} components of {size} latents, {covariance!r}"
        raise ValueError(f"class {label} must have {wanted}, but has {distinct}")
    mixtures = {k: _em(points, label, k, covariance, ridge, seed) for k in tried if needed[k] <= distinct}
    bic = {k: float(mixture.bic(points)) for k, mixture in mixtures.items()}
    mixture = mixtures[min(bic, key=bic.get)]
    if not mixture.converged_:
        warnings.warn(f"EM of class {label} did not converge in {ITERATIONS} iterations", stacklevel=4)
    factors, held = _per_component(mixture, mixture.precisions_cholesky_), (_variances(mixture) <= 2 * ridge).sum(1)
    return *map(torch.from_numpy, (mixture.means_, factors, np.log(mixture.weights_), held)), bic


def _em(points: np.ndarray, label: int, k: int, covariance: str, ridge: float, seed: int):
    """scikit-learn's mixture; ValueError where a covariance is singular, or as good as in float64."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    wrong = f"a covariance of class {label}, {k} components, is singular in spite of a ridge of {ridge:g}; raise it"
    mixture = GaussianMixture(k, covariance_type=covariance, reg_covar=ridge, max_iter=ITERATIONS, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the caller says it, with the class
        try:
            mixture.fit(points)
        except ValueError as error:
            raise ValueError(wrong if "ill-defined" in str(error) else one_line(error)) from None
    variances = _variances(mixture)
    if (variances.min(1) <= points.shape[1] * np.finfo(float).eps * variances.max(1)).any():  # rounding decides
        raise ValueError(wrong)
    return mixture


def _per_component(mixture, found: np.ndarray) -> np.ndarray:
    """scikit-learn's covariances or factors of them as [K, D, D], or as [K, D] where they are diagonal."""
    count, size = mixture.means_.shape
    if mixture.covariance_type == "tied":
        found = np.tile(found, (count, 1, 1))
    return np.tile(found[:, None], (1, size)) if mixture.covariance_type == "spherical" else found


def _variances(mixture) -> np.ndarray:
    """Along the principal axes of each component, [K, D]."""
    found = _per_component(mixture, mixture.covariances_)
    return np.linalg.eigvalsh(found) if found.ndim == 3 else found

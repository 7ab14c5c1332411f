"""What reads an autoencoder's codes? Gaussian mixtures, as P1 does, and other heads to set beside them."""

import torch
from torch import Tensor, nn

from dbp.models.gmm import ClassConditionalGMM

CLASSES = 10


def fit_mixtures(z: Tensor, y: Tensor, components: int | str, covariance: str, seed: int) -> nn.Module:
    """A mixture a class, P1 Eq. (13). Args: codes z [N, D], labels y [N], and those of `ClassConditionalGMM.fit`."""
    return ClassConditionalGMM.fit(z, y, components=components, covariance=covariance, seed=seed, classes=CLASSES)


def fit_lda(z: Tensor, y: Tensor, *_) -> nn.Module:
    """Linear discriminant analysis with equal priors, as a linear layer. Args: codes z [N, D], labels y [N]."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    return _linear(LinearDiscriminantAnalysis(priors=[1 / CLASSES] * CLASSES), z, y)


def fit_softmax(z: Tensor, y: Tensor, *_) -> nn.Module:
    """Multinomial logistic regression, as a linear layer. Args: codes z [N, D], labels y [N].

    Of codes in units of their standard deviations it minimises the cross-entropy, summed over all N, plus half the squared
    L2 norm of the weights.
    """
    from sklearn.linear_model import LogisticRegression

    scale = z.std(0).clamp(min=1e-6)
    layer = _linear(LogisticRegression(C=1.0, max_iter=1000), z / scale, y)
    layer.weight /= scale
    return layer


def fit_nearest(z: Tensor, y: Tensor, *_) -> nn.Module:
    """The class whose mean code is nearest, as a linear layer. Args: codes z [N, D], labels y [N].

    Its logits are -||z - mean||_2^2 / 2 plus ||z||_2^2 / 2, which is the same for all classes.
    """
    means = torch.stack([z[y == label].mean(0) for label in range(CLASSES)])
    if not means.isfinite().all():
        raise ValueError(f"codes must be of all {CLASSES} classes, but the {len(y)} are of {len(y.unique())}")
    layer = nn.utils.skip_init(nn.Linear, z.shape[1], CLASSES)
    layer.load_state_dict({"weight": means, "bias": -means.square().sum(1) / 2})
    return layer.requires_grad_(False)


def _linear(fitted, z: Tensor, y: Tensor) -> nn.Linear:
    """Fit a linear classifier of scikit-learn; its decision function becomes the logits."""
    if len(y.unique()) < CLASSES:
        raise ValueError(f"codes must be of all {CLASSES} classes, but the {len(y)} are of {len(y.unique())}")
    fitted.fit(z.cpu().double().numpy(), y.cpu().numpy())
    layer = nn.utils.skip_init(nn.Linear, z.shape[1], CLASSES)  # draws no random numbers
    layer.load_state_dict({"weight": torch.from_numpy(fitted.coef_), "bias": torch.from_numpy(fitted.intercept_)})
    return layer.requires_grad_(False)


HEADS = {"GMM": fit_mixtures, "QDA": fit_mixtures, "LDA": fit_lda, "softmax": fit_softmax, "nearest": fit_nearest,
         "GMM on samples": fit_mixtures}
ON_SAMPLES = ("GMM on samples",)  # fitted on a sample of each image's code, the others on its mean

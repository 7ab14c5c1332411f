"""The attack on an autoencoder by L-BFGS-B, pair by pair and to convergence: what the fast one is held to."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from dbp.attacks.arguments import check_count, preserve_buffers
from dbp.attacks.autoencoder import AutoencoderAttack, _check, _distance, _objective


def attack_by_lbfgs(
    autoencoder: nn.Module, x: Tensor, target: Tensor, trade_offs: Tensor | Sequence[float], *, space: str = "latent",
    steps: int = 3000,
) -> AutoencoderAttack:
    """The same problems one after the other by SciPy's L-BFGS-B, to convergence: slow, and what the fast one is held to.

    Args:
        autoencoder, x, target, trade_offs, space: as of `attack_autoencoder`.
        steps: the most iterations of a problem.

    Raises:
        TypeError, ValueError: as `attack_autoencoder`.
    """
    from scipy.optimize import minimize

    trade_offs = _check(autoencoder, x, target, trade_offs, space)
    check_count("steps", steps)
    found = []
    with preserve_buffers(autoencoder):
        for image, goal in zip(x.split(1), target.split(1), strict=True):
            distance = _distance(autoencoder, goal, space, 0, None)
            for trade_off in trade_offs.split(1):
                def value_and_slope(flat: np.ndarray, image=image, distance=distance, trade_off=trade_off):
                    point = torch.from_numpy(flat).to(image).reshape(image.shape)
                    value, slope, *_ = _objective(point, image, trade_off, distance)
                    return float(value), slope.flatten().double().cpu().numpy()

                start = image.flatten().double().cpu().numpy()
                done = minimize(value_and_slope, start, jac=True, method="L-BFGS-B", bounds=[(0, 1)] * start.size,
                                options={"maxiter": steps, "maxfun": 2 * steps, "ftol": 1e-12, "gtol": 1e-7})
                point = torch.from_numpy(done.x).to(image).reshape(image.shape).clamp(0, 1)
                *_, squared, far = _objective(point, image, trade_off, distance)
                found.append((point, squared.sqrt(), far))
    parts = (torch.cat(part).unflatten(0, (len(x), len(trade_offs))) for part in zip(*found, strict=True))
    return AutoencoderAttack(*parts)

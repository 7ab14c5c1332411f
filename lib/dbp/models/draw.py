"""DRAW (Gregor et al. 2015; P1 Eq. (5)-(6)): an autoencoder that paints its reconstruction in T steps.

The KL divergence of its codes, P1 Eq. (7), is `dbp.models.vae.kl_divergence`, as for every autoencoder here.
Sizes as of Gondim-Ribeiro et al. (2018): LSTMs of 256 units, 32 latents a step, a window of 12 x 12. The recurrent cells
are written out: cuDNN's fused ones cannot be differentiated twice.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dbp.models.vae import Autoencoder, Bernoulli, Output, sample


class Window(NamedTuple):
    """Where a read or a write happened: centre and side in pixels, counted from 0 at the middle of the first, each [B]."""

    x: Tensor
    y: Tensor
    side: Tensor


class Step(NamedTuple):
    """One step: the canvas after it, [B, channels, height, width], in logits; the code; the windows, if there are any."""

    canvas: Tensor
    mu: Tensor
    logvar: Tensor
    read: Window | None
    write: Window | None


class LSTMCell(nn.Module):
    """An LSTM's gates on inputs that a linear layer has already turned into gates."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.recurrent = nn.Linear(size, 4 * size, bias=False)

    def forward(self, gates: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Gates, [B, 4 H], and state (h, c), each [B, H], to the next state."""
        h, c = state
        gates = gates + self.recurrent(h)
        i, f, o = gates[:, : 3 * h.shape[1]].sigmoid().chunk(3, 1)
        c = f * c + i * gates[:, 3 * h.shape[1] :].tanh()
        return o * c.tanh(), c


class FullImage(nn.Module):
    """The attention that looks at everything: it reads the whole image and the whole error image, and writes everywhere.

    P1 calls this DRAW without attention; it stands in the place of `Attention` and has the same methods.

    x_t and the error image x - s, s = sigma(c), enter the encoder linearly, so x needs one product for all T steps and
    what changes another one: W [x, x - s, h] = (W_x + W_e) x + [-W_e, W_h] [s, h].
    """

    def __init__(self, shape: tuple[int, int, int], size: int) -> None:
        super().__init__()
        pixels = math.prod(shape)
        self.shape = shape
        self.inputs = nn.Linear(2 * pixels + size, 4 * size)
        self.paint = nn.Linear(size, pixels)

    def prepare(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What is the same in every step: (W_x + W_e) x + b, [B, 4 H], and [-W_e, W_h] transposed, [pixels + H, 4 H]."""
        x = x.flatten(1)
        of_x, of_error, of_h = self.inputs.weight.split([x.shape[1], x.shape[1], self.paint.in_features], 1)
        # Put side by side and not sliced: the gradients of a slice come in two memory orders, which add up slowly.
        of_step = torch.cat([-of_error, of_h], 1)
        return torch.addmm(self.inputs.bias, x, (of_x + of_error).t()), of_step.t()

    def read(self, prepared: tuple[Tensor, Tensor], painted: Tensor, h: Tensor) -> tuple[Tensor, None]:
        """The encoder's gates, [B, 4 H], from the picture painted so far, [B, ...] in [0, 1], and the decoder's h."""
        of_x, of_step = prepared
        return torch.addmm(of_x, torch.cat([painted.flatten(1), h], 1), of_step), None

    def write(self, h: Tensor) -> tuple[Tensor, None]:
        """What is added to the canvas, [B, channels, height, width]."""
        return self.paint(h).unflatten(1, self.shape), None


class Attention(nn.Module):
    """Read and write through an N x N grid of Gaussian filters that the decoder places (Gregor et al., Eq. (19)-(29)).

    Args:
        shape: channels, height, width of an image.
        size: units of an LSTM.
        window: N.

    Raises:
        ValueError: images that are not square, or a window that is not between 2 and their side.
    """

    def __init__(self, shape: tuple[int, int, int], size: int, window: int) -> None:
        super().__init__()
        channels, height, width = self.shape = shape
        if height != width:
            raise ValueError(f"shape must be that of square images where there is a window, but is {list(shape)}")
        if not 2 <= window <= width:
            raise ValueError(f"window must lie between 2 and {width}, the side of the images, but is {window!r}")
        self.window = window
        self.inputs = nn.Linear(2 * channels * window**2 + size, 4 * size)
        self.place = nn.ModuleDict({"read": nn.Linear(size, 5), "write": nn.Linear(size, 5)})
        self.paint = nn.Linear(size, channels * window**2)

    def prepare(self, x: Tensor) -> Tensor:
        """The images themselves: what is read of them depends on the step."""
        return x

    def read(self, x: Tensor, painted: Tensor, h: Tensor) -> tuple[Tensor, Window]:
        """The encoder's gates, [B, 4 H], from a glimpse of x and of the error image, and where it was taken."""
        rows, columns, log_intensity, window = self.filters(self.place["read"](h))
        both = torch.cat([x, x - painted], 1)  # P1 Eq. (5), its second line; Gregor et al., Eq. (27)
        glimpse = _each_channel(rows, both, columns.transpose(1, 2)).flatten(1) * log_intensity.exp()
        return self.inputs(torch.cat([glimpse, h], 1)), window

    def write(self, h: Tensor) -> tuple[Tensor, Window]:
        """What is added to the canvas, [B, channels, height, width], and where."""
        rows, columns, log_intensity, window = self.filters(self.place["write"](h))
        patch = (self.paint(h) * (-log_intensity).exp()).unflatten(1, (self.shape[0], self.window, self.window))
        return _each_channel(rows.transpose(1, 2), patch, columns), window  # Gregor et al., Eq. (29)

    def filters(self, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor, Window]:
        """Filter banks of the rows and of the columns, each [B, N, pixels], log intensity, [B, 1], and the window.

        Each row of a bank is a Gaussian over the pixels that sums to one, even where it lies far outside.

        Args:
            parameters: g_X, g_Y, log sigma^2, log delta, log gamma of Gregor et al., Eq. (21), [B, 5].
        """
        pixels = self.shape[1]
        g_x, g_y, log_variance, log_stride, log_intensity = parameters.chunk(5, 1)
        centre_x, centre_y = ((pixels + 1) / 2 * (g + 1) for g in (g_x, g_y))  # Eq. (22)-(23), pixels count from 1
        stride = (pixels - 1) / (self.window - 1) * log_stride.exp()  # Eq. (24)
        like = {"dtype": parameters.dtype, "device": parameters.device}
        offsets = stride * (torch.arange(1, self.window + 1, **like) - self.window / 2 - 0.5)  # Eq. (19)-(20)
        centres = torch.cat([centre_y + offsets, centre_x + offsets], 1)  # [B, 2 N]
        distance = (torch.arange(1, pixels + 1, **like) - centres[:, :, None]).square()
        rows, columns = (distance * (-log_variance).exp()[:, :, None] / -2).softmax(2).chunk(2, 1)  # Eq. (25)-(26)
        window = Window((centre_x - 1).squeeze(1), (centre_y - 1).squeeze(1), (stride * (self.window - 1)).squeeze(1))
        return rows, columns, log_intensity, window


def _each_channel(left: Tensor, images: Tensor, right: Tensor) -> Tensor:
    """left @ channel @ right for every channel of [B, channels, ...], as two batched products without copies of a bank."""
    batch, channels, height, width = images.shape
    images = (images.reshape(batch, channels * height, width) @ right).unflatten(1, (channels, height))
    images = left @ images.transpose(1, 2).flatten(2)  # [B, height of left, channels * width of right]
    return images.unflatten(2, (channels, -1)).transpose(1, 2)


class DRAW(Autoencoder):
    """Encoder, decoder and canvas over T steps. D is T * `per_step`, the codes of the steps side by side.

    Args:
        shape: channels, height, width of an image.
        steps: T.
        size: units of each LSTM.
        per_step: latents a step.
        window: N of the attention, or None to read and write the whole image.
        likelihood: by default `Bernoulli`.
    """

    def __init__(
        self, shape: tuple[int, int, int] = (1, 28, 28), steps: int = 16, size: int = 256, per_step: int = 32,
        window: int | None = None, likelihood: nn.Module | None = None,
    ) -> None:
        super().__init__(steps * per_step, likelihood or Bernoulli())
        self.steps, self.size, self.shape = steps, size, shape
        self.attention = FullImage(shape, size) if window is None else Attention(shape, size, window)
        self.encoder, self.decoder = LSTMCell(size), LSTMCell(size)
        self.code = nn.Linear(size, 2 * per_step)
        self.inputs = nn.Linear(per_step, 4 * size)

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Output:
        steps = list(self.paint(x, noise))
        return Output(steps[-1].canvas, torch.cat([s.mu for s in steps], 1), torch.cat([s.logvar for s in steps], 1))

    def paint(self, x: Tensor, noise: Tensor | None = None) -> Iterator[Step]:
        """The T steps of P1 Eq. (5), one after the other; arguments as of `forward`."""
        self.check_noise(x, noise)
        canvas, zeros = x.new_zeros(len(x), *self.shape), x.new_zeros(len(x), self.size)
        encoder = decoder = (zeros, zeros)
        noises = [None] * self.steps if noise is None else noise.chunk(self.steps, 1)
        prepared = self.attention.prepare(x)
        for step_noise in noises:
            gates, read = self.attention.read(prepared, self.likelihood.image(canvas), decoder[0])  # x - sigma(c), read
            encoder = self.encoder(gates, encoder)
            mu, log_sigma = self.code(encoder[0]).chunk(2, 1)  # P1 Eq. (6)
            logvar = 2 * log_sigma
            decoder = self.decoder(self.inputs(sample(mu, logvar, step_noise)), decoder)
            added, write = self.attention.write(decoder[0])
            canvas = canvas + added
            yield Step(canvas, mu, logvar, read, write)

    def decode(self, z: Tensor) -> Tensor:
        """Logits, [B, channels, height, width], that the decoder paints from codes, [B, D]."""
        canvas, zeros = z.new_zeros(len(z), *self.shape), z.new_zeros(len(z), self.size)
        decoder = (zeros, zeros)
        for step in z.chunk(self.steps, 1):
            decoder = self.decoder(self.inputs(step), decoder)
            canvas = canvas + self.attention.write(decoder[0])[0]
        return canvas

"""What is measured: a penalised training step over a plain one, and PGD-40 over the loop that one writes by hand."""

import importlib
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dbp import penalties
from dbp.attacks import fgsm, pgd
from dbp.models.classifiers import build_classifier

BATCH = 128
EPS, STEPS = 0.3, 40
STEP_SIZE = 2.5 * EPS / STEPS

Penalty = Callable[[nn.Module, Tensor, Tensor, Tensor], Tensor]  # model, logits, x, y -> one value an example


def losses(logits: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(logits, y, reduction="none")


def drawing(name: str) -> Penalty:
    generator = torch.Generator().manual_seed(0)
    return lambda model, logits, x, y: penalties.jacobian_l1(logits.softmax(1), x, name, generator)


def one_by_one(model: nn.Module, logits: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """All rows in a loop, as one writes it at first."""
    rows = (torch.autograd.grad(logits[:, i].sum(), x, create_graph=True)[0] for i in range(logits.shape[1]))
    return sum(row.flatten(1).abs().sum(1) for row in rows)


def all_at_once(model: nn.Module, logits: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """All rows in one batched backward pass."""
    basis = torch.eye(logits.shape[1])[:, None].expand(-1, *logits.shape)
    (rows,) = torch.autograd.grad(logits, x, basis, create_graph=True, is_grads_batched=True)
    return rows.flatten(2).abs().sum((0, 2))


PENALTIES: dict[str, Penalty] = {
    "loss_gradient_l2": lambda model, logits, x, y: penalties.loss_gradient_l2(losses(logits, y), x),
    "loss_gradient_l1": lambda model, logits, x, y: penalties.loss_gradient_l1(losses(logits, y), x),
    "loss_gradient_l2_finite_difference": lambda model, logits, x, y: penalties.loss_gradient_l2_finite_difference(
        losses(logits, y), x, lambda moved: losses(model(moved), y)
    ),
    "jacobian_frobenius2, 1 projection": lambda model, logits, x, y: penalties.jacobian_frobenius2(logits.softmax(1), x),
    "jacobian_l1, one_row": drawing("one_row"),
    "jacobian_l1, summed": drawing("summed"),
    "jacobian_l1, exact": drawing("exact"),
    "all rows in a loop, logits": one_by_one,
    "all rows batched, logits": all_at_once,
}


def images() -> tuple[Tensor, Tensor]:
    """Random images of MNIST's size: what they show does not change what they cost."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(BATCH, 1, 28, 28, generator=generator), torch.randint(10, (BATCH,), generator=generator)


# How the plain step was made cheap: the same step as it was before, over the step as it is.
BEFORE = {
    "Adam not fused": {"fused": False},
    "convolutions in contiguous memory": {"layout": torch.contiguous_format},
}
FGSM = {"FGSM training": {}, "FGSM training, convolutions in contiguous memory": {"layout": torch.contiguous_format}}


def training_step(
    name: str, penalty: Penalty | None, *, fused: bool = True, layout: torch.memory_format | None = None,
    adversarial: bool = False,
) -> Callable[[], None]:
    """One step of Adam on a fresh classifier; the penalty's weight is small, so that the network stays a network.

    Args:
        name: of the classifier.
        penalty: or None.
        fused: whether Adam is, as in `dbp.training.fit_classifier`.
        layout: of the weights; None leaves them as `build_classifier` makes them.
        adversarial: whether FGSM's copies join the batch.
    """
    model = build_classifier(name, seed=0)
    model = model if layout is None else model.to(memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=fused)
    batch, targets = images()

    def step() -> None:
        x, labels = batch.clone(), targets
        if adversarial:
            x, labels = torch.cat([x, fgsm(model, x, labels, EPS)]), labels.repeat(2)
        x.requires_grad_(penalty is not None)
        logits = model(x)
        loss = losses(logits, labels)
        if penalty is not None:
            loss = loss + 1e-6 * penalty(model, logits, x, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.mean().backward()
        optimizer.step()

    return step


def by_hand(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """PGD without a check, a choice or a line too many."""
    adversarial = x.clone()
    for _ in range(STEPS):
        adversarial.requires_grad_()
        loss = F.cross_entropy(model(adversarial), y)
        (gradient,) = torch.autograd.grad(loss, adversarial)
        adversarial = adversarial.detach() + STEP_SIZE * gradient.sign()
        adversarial = (x + (adversarial - x).clamp(-EPS, EPS)).clamp(0, 1)
    return adversarial


def attacks(model: nn.Module) -> dict[str, Callable[[Tensor, Tensor], object]]:
    """PGD-40 without a random start: ours, and those of the libraries that are installed."""
    found = {"dbp": lambda x, y: pgd(model, x, y, EPS, steps=STEPS, step_size=STEP_SIZE, random_start=False)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, build in (("torchattacks", _torchattacks), ("foolbox", _foolbox), ("ART", _art)):
            try:
                found[name] = build(model)
            except ImportError as error:
                print(f"{name} is left out: {error}")
    return found


def _torchattacks(model: nn.Module):
    library = importlib.import_module("torchattacks")
    return library.PGD(model, eps=EPS, alpha=STEP_SIZE, steps=STEPS, random_start=False)


def _foolbox(model: nn.Module):
    library = importlib.import_module("foolbox")
    judged = library.PyTorchModel(model, bounds=(0, 1))
    attack = library.attacks.LinfPGD(abs_stepsize=STEP_SIZE, steps=STEPS, random_start=False)
    return lambda x, y: attack(judged, x, y, epsilons=EPS)


def _art(model: nn.Module):
    estimators = importlib.import_module("art.estimators.classification")
    evasion = importlib.import_module("art.attacks.evasion")
    wrapped = estimators.PyTorchClassifier(
        model, F.cross_entropy, input_shape=images()[0].shape[1:], nb_classes=10, clip_values=(0, 1), device_type="cpu"
    )
    attack = evasion.ProjectedGradientDescent(
        wrapped, eps=EPS, eps_step=STEP_SIZE, max_iter=STEPS, batch_size=BATCH, verbose=False
    )
    return lambda x, y: attack.generate(x.numpy(), F.one_hot(y, 10).numpy())


def attack_calls(name: str) -> tuple[Callable[[], None], dict[str, Callable[[], None]]]:
    """The loop by hand, and its rivals, each a call without arguments on the same network and images."""
    model = build_classifier(name, seed=0).eval()
    x, y = images()
    rivals = {rival: (lambda attack=attack: attack(x, y)) for rival, attack in attacks(model).items()}
    return lambda: by_hand(model, x, y), rivals

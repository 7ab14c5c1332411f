"""How is an epoch run, kept and taken up again? What the trainings of classifiers and of autoencoders share.

After every epoch the weights, the optimiser's and the generator's state go into a checkpoint (`dbp.runs.checkpoints`); a
training that was killed goes on from there, in `_resume`, to the same result as one that was not.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from tqdm import tqdm

# A loss per example beyond this has exploded: the networks of the book start below 1e4.
EXPLODED = 1e7


def run_epochs(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    one_epoch: Callable[[int], dict[str, float]],
    measure: Callable[[], dict[str, float]],
    finished: Callable[[list[dict]], bool],
    *,
    most: int,
    generator: torch.Generator,
    checkpoint,
    report: Callable[[dict], None] | None,
    progress: bool,
    shown: Callable[[dict], dict[str, str]],
) -> list[dict]:
    """Epoch after epoch until `finished`, or on from where a checkpoint stands.

    Args:
        model, optimizer: what is trained, and by what; their states are kept with the generator's.
        one_epoch: the number of an epoch, counted from 1, to the means of its terms.
        measure: measures of the model, taken before the first epoch and after every one, in evaluation mode.
        finished: the rows of the finished epochs to whether training ends.
        most: epochs, the length of the bar.
        generator, checkpoint, report, progress: as of `dbp.training.fit_classifier`.
        shown: a row to what stands beside the bar.

    Returns:
        The history: row 0 is before training and holds the measures only; then a row an epoch, terms and measures.
    """
    model.eval()
    history = _resume(checkpoint, model, optimizer, generator) or [{"epoch": 0, **measure()}]
    with tqdm(total=most, initial=len(history) - 1, unit="epoch", disable=not progress, leave=False) as bar:
        while not finished(history[1:]):
            model.train()
            row = {"epoch": len(history), **one_epoch(len(history))}
            model.eval()
            history.append(row := row | measure())
            if checkpoint is not None:
                checkpoint.save(_state(model, optimizer, generator), {"history": history})
            if report is not None:
                report(row)
            bar.update()
            bar.set_postfix(shown(row))
    return history


def one_pass(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    count: int,
    batch_size: int,
    generator: torch.Generator,
    epoch: int,
    terms_of: Callable[[Tensor], dict[str, Tensor]],
    clip: float = math.inf,
) -> dict[str, float]:
    """One pass over `count` examples in random order.

    Args:
        model, optimizer: what is trained, and by what.
        count: examples.
        batch_size: examples a step.
        generator: a CPU generator, of the order.
        epoch: for the message of an error.
        terms_of: the indices of a batch to named per-example terms; their means are added.
        clip: the longest gradient of the parameters, L2 over all of them.

    Returns:
        The mean of every term over the pass.

    Raises:
        FloatingPointError: the loss is not finite or has exploded; the message says in which epoch and step.
    """
    sums: dict[str, float] = {}
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    order = torch.randperm(count, generator=generator).to(learned[0].device)
    for step, batch in enumerate(order.split(batch_size)):
        means = {name: term.mean() for name, term in terms_of(batch).items()}  # averaged over the batch only here
        total = sum(means.values())
        value = float(total.detach())
        if not abs(value) < EXPLODED:
            raise FloatingPointError(f"the loss is {value} in epoch {epoch}, step {step}: training has diverged")
        optimizer.zero_grad(set_to_none=True)
        total.backward(inputs=learned)  # and not at the images, which a penalty has made require a gradient
        if clip < math.inf:
            nn.utils.clip_grad_norm_(learned, clip)
        optimizer.step()
        for name, mean in means.items():
            sums[name] = sums.get(name, 0.0) + float(mean.detach()) * len(batch)
    return {name: total / count for name, total in sums.items()}


def _state(model, optimizer, generator) -> dict[str, Tensor]:
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in slots.items()}
    return tensors | {"generator": generator.get_state()}


def _resume(checkpoint, model, optimizer, generator) -> list[dict] | None:
    found = checkpoint.load() if checkpoint is not None else None
    if found is None:
        return None
    tensors, meta = found
    model.load_state_dict({name[6:]: value for name, value in tensors.items() if name.startswith("model.")})
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, index, slot = name.split(".")
            slots.setdefault(int(index), {})[slot] = value
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
    generator.set_state(tensors["generator"].cpu())
    return meta["history"]

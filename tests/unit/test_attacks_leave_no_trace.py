"""After an attack, parameters, their gradients, buffers and the train/eval mode are as they were, to the bit."""

from functools import partial

import pytest
import torch
from small_networks import ATTACKS, images, network
from torch import nn

from dbp.attacks import evaluate, fgsm, pgd


class Breaks(nn.Module):
    """Fails in its second forward pass."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        if self.calls == 2:
            raise RuntimeError("out of memory")
        return x


def snapshot(model):
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    gradients = {f"{name}.grad": p.grad for name, p in model.named_parameters() if p.grad is not None}
    modes = [(module.training, *(p.requires_grad for p in module.parameters())) for module in model.modules()]
    return {name: tensor.detach().clone() for name, tensor in {**tensors, **gradients}.items()}, modes


def assert_same(before, after):
    assert before[1] == after[1]
    assert before[0].keys() == after[0].keys()
    for name, tensor in before[0].items():
        assert torch.equal(tensor, after[0][name]), name


def trained_a_little(mode):
    """With gradients in .grad, batch norm statistics that move, dropout, and one part in another mode than the whole."""
    model = network(nn.BatchNorm2d(1), nn.Dropout(0.1))
    x, y = images()
    nn.functional.cross_entropy(model(x), y).backward()
    model.train(mode != "eval")
    if mode == "part":
        model.eval()
        model[0].train()
    return model


@pytest.mark.parametrize("mode", ["eval", "train", "part"])
@pytest.mark.parametrize("name", ATTACKS)
def test_attack_leaves_parameters_gradients_buffers_and_mode_untouched(name, mode):
    model = trained_a_little(mode)
    before = snapshot(model)
    found = ATTACKS[name](model, *images(), 0.1)
    assert_same(before, snapshot(model))
    assert not found.requires_grad and found.grad_fn is None


@pytest.mark.parametrize("name", sorted(set(ATTACKS) - {"fgsm", "noise"}))
def test_attack_leaves_the_model_untouched_when_it_fails(name):
    model = nn.Sequential(nn.BatchNorm2d(1), Breaks(), trained_a_little("train"))
    before = snapshot(model)
    with pytest.raises(RuntimeError, match="out of memory"):
        ATTACKS[name](model, *images(), 0.1)
    assert_same(before, snapshot(model))


@pytest.mark.parametrize("name", ATTACKS)
def test_the_images_are_left_alone_and_a_graph_of_theirs_is_not_followed(name):
    x, y = images()
    kept = x.clone()
    given = x.clone().requires_grad_()
    found = ATTACKS[name](network(), given * 1, y, 0.1)
    assert torch.equal(given.detach(), kept) and given.grad is None and not found.requires_grad


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_works_where_gradients_are_switched_off(name):
    x, y = images()
    expected = ATTACKS[name](network(), x, y, 0.1)
    with torch.no_grad():
        assert torch.equal(ATTACKS[name](network(), x, y, 0.1), expected)


def test_attack_does_not_spoil_a_graph_that_is_still_needed():
    model = network(nn.BatchNorm2d(1)).eval()
    x, y = images()
    loss = nn.functional.cross_entropy(model(x), y)
    pgd(model, x, y, 0.1, steps=2)
    loss.backward()
    assert model[0].weight.grad is not None


def test_float64_stays_float64():
    x, y = images()
    for name, attack in ATTACKS.items():
        assert attack(network().double(), x.double(), y, 0.1).dtype == torch.float64, name


def test_evaluation_in_training_mode_moves_no_statistics():
    model = trained_a_little("train")
    before = snapshot(model)
    evaluate(model, *images(), {"fgsm": partial(fgsm, eps=0.1)})
    assert_same(before, snapshot(model))

"""What both trainings share, the loop: one pass over the examples, and what a step leaves alone."""

import torch
from torch import nn

from dbp.training.loop import one_pass


def a_pass(terms_of, model, count=5, **options):
    optimizer = torch.optim.SGD(model.parameters(), lr=options.pop("lr", 0.0))
    return one_pass(model, optimizer, count, 2, torch.Generator().manual_seed(0), 1, terms_of, **options)


def test_the_mean_of_a_term_is_over_the_examples_whatever_the_last_batch_holds():
    model, values = nn.Linear(1, 1), torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0])
    found = a_pass(lambda batch: {"loss": values[batch] + 0 * model.weight.sum()}, model)
    assert found == {"loss": 31 / 5}


def test_every_example_is_met_once():
    model, met = nn.Linear(1, 1), []

    def terms_of(batch):
        met.extend(batch.tolist())
        return {"loss": 0 * model.weight.sum() + batch}

    a_pass(terms_of, model, count=7)
    assert sorted(met) == list(range(7)) and met != list(range(7))


def test_a_step_learns_from_the_penalty_but_computes_no_gradient_at_the_images():
    torch.manual_seed(0)
    model, x = nn.Linear(3, 1), torch.randn(5, 3, requires_grad=True)

    def terms_of(batch):
        (slope,) = torch.autograd.grad(model(x).square().sum(), x, create_graph=True)
        return {"penalty": slope.square().sum(1)[batch]}

    before = model.weight.detach().clone()
    a_pass(terms_of, model, lr=0.01)
    assert x.grad is None and not torch.equal(model.weight, before)


def test_parameters_that_are_held_stay_as_they_are():
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    model[0].requires_grad_(False)
    held, x = model[0].weight.clone(), torch.ones(5, 1)
    a_pass(lambda batch: {"loss": model(x[batch]).square().squeeze(1)}, model, lr=0.1, clip=1.0)
    assert torch.equal(model[0].weight, held) and model[0].weight.grad is None


def test_a_step_is_no_longer_than_the_clip():
    model, x = nn.Linear(1, 1, bias=False), torch.full((2, 1), 100.0)
    before = model.weight.detach().clone()
    a_pass(lambda batch: {"loss": (1 + model(x[batch]).square()).squeeze(1)}, model, count=2, lr=1.0, clip=0.25)
    assert torch.isclose((model.weight - before).abs(), torch.tensor(0.25), rtol=1e-4).all()

"""A wrong call is one line that names the argument, before the model is asked anything."""

import math

import pytest
import torch
from small_networks import Counting, Scale, images, network
from torch import nn

from dbp.attacks import apgd, bim, evaluate, fgsm, pgd, random_noise, square, strongest
from dbp.attacks.arguments import check_bounds, check_device, check_images
from dbp.attacks.losses import attack_loss

X, Y = images()
NAN = X.clone().index_fill_(0, torch.tensor([2]), math.nan)

BEFORE_ANY_WORK = {
    "x a list": (dict(x=[[0.5]]), "x must be a floating-point tensor, but is list"),
    "x of integers": (dict(x=(255 * X).to(torch.uint8)), "x must be a floating-point tensor, but is torch.uint8"),
    "x empty": (dict(x=X[:0], y=Y[:0]), r"x must be \[B, ...\] and not empty, but has the shape \[0, 1, 4, 4\]"),
    "x without a batch": (dict(x=X[0, 0, 0]), r"x must be \[B, ...\]"),
    "x normalised": (dict(x=X * 4 - 1), r"x must lie in \[0.0, 1.0\], but its range is .* undo the normalisation"),
    "x on another device": (dict(x=X.to("meta")), "x must be on the device of the model, cpu, but is on meta"),
    "y on another device": (dict(y=Y.to("meta")), "y must be on the device of x, cpu, but is on meta"),
    "x with NaN": (dict(x=NAN), "x must be finite, but holds NaN"),
    "y one-hot": (dict(y=nn.functional.one_hot(Y, 4)), r"y must have the shape \[6\], one label an image"),
    "y of floats": (dict(y=Y.float()), "y must be an int64 tensor, but is torch.float32"),
    "y a list": (dict(y=[0, 1, 2, 3, 0, 1]), "y must be an int64 tensor, but is list"),
    "y too short": (dict(y=Y[:5]), r"y must have the shape \[6\].* but has \[5\]"),
    "y negative": (dict(y=Y - 1), "y must be at least 0, but holds -1"),
    "eps negative": (dict(eps=-0.1), "eps must be finite and at least 0, but holds -0.1"),
    "eps NaN": (dict(eps=math.nan), "eps must be finite"),
    "eps infinite": (dict(eps=math.inf), "eps must be finite and at least 0, but holds inf"),
    "eps infinite for one": (dict(eps=torch.tensor([0.1] * 5 + [math.inf])), "eps must be .* but holds inf"),
    "eps on another device": (dict(eps=torch.full((6,), 0.1, device="meta")), "eps must be on the device of x, cpu, but"),
    "eps text": (dict(eps="0.1"), "eps must be a number or a tensor, but is '0.1'"),
    "eps of another batch": (dict(eps=torch.full((5,), 0.1)), r"eps must be a number or \[6\].* has the shape \[5\]"),
    "eps for every pixel": (dict(eps=torch.full((6, 1, 4, 4), 0.1)), r"eps must be a number or \[6\]"),
    "bounds reversed": (dict(bounds=(1, 0)), r"bounds must be \(low, high\) with low below high, but are \(1, 0\)"),
    "bounds one number": (dict(bounds=1.0), r"bounds must be two numbers \(low, high\), but are 1.0"),
    "bounds three numbers": (dict(bounds=(0, 1, 2)), "bounds must be two numbers"),
    "bounds too narrow": (dict(bounds=(0.4, 0.6)), r"x must lie in \[0.4, 0.6\], but its range is"),
    "loss": (dict(loss="margn"), "loss must be one of cross_entropy, margin, dlr or a function .* .did you mean 'margin'"),
    "norm": (dict(norm="l1"), "norm must be one of linf, l2, but is 'l1'"),
    "steps none": (dict(steps=0), "steps must be at least 1, but is 0"),
    "steps negative": (dict(steps=-3), "steps must be at least 1, but is -3"),
    "steps not whole": (dict(steps=2.5), "steps must be a whole number, but is 2.5"),
    "steps true": (dict(steps=True), "steps must be a whole number, but is True"),
    "restarts": (dict(restarts=0), "restarts must be at least 1, but is 0"),
    "restarts all the same": (dict(restarts=2, random_start=False), "restarts must be 1 where random_start is False"),
    "samples": (dict(samples=0), "samples must be at least 1, but is 0"),
    "step_size zero": (dict(step_size=0), "step_size must be above 0, but is 0.0"),
    "step_size negative": (dict(step_size=-0.1), "step_size must be finite and at least 0"),
    "step_size of another batch": (dict(step_size=torch.ones(2)), r"step_size must be a number or \[6\]"),
    "generator a seed": (dict(generator=7), "generator must be a torch.Generator on the CPU, but is 7"),
}


@pytest.mark.parametrize("case", BEFORE_ANY_WORK)
def test_a_wrong_call_is_one_line_that_names_the_argument_before_any_work(case):
    change, message = BEFORE_ANY_WORK[case]
    model = Counting(network())
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        pgd(**{"model": model, "x": X, "y": Y, "eps": 0.1} | change)
    assert "\n" not in str(caught.value)
    assert model.seen == []


@pytest.mark.parametrize("attack", [fgsm, bim, random_noise, apgd, square, strongest])
@pytest.mark.parametrize("case", ["x normalised", "y of floats", "eps negative", "eps text", "bounds reversed", "x empty"])
def test_the_other_attacks_check_the_same(attack, case):
    change, message = BEFORE_ANY_WORK[case]
    model = Counting(network())
    with pytest.raises((TypeError, ValueError), match=message):
        attack(**{"model": model, "x": X, "y": Y, "eps": 0.1} | change)
    assert model.seen == []


@pytest.mark.parametrize(("model", "message"), [
    (network(), r"y must lie below 4, the number of classes, but reaches 9"),
    (nn.Flatten(0), r"model must return logits \[6, C\], but returned the shape \[96\]"),
    (nn.Sequential(network(), Scale(math.nan)), "model must not give NaN, but its cross_entropy or the gradient"),
])
def test_a_wrong_model_is_one_line_at_its_first_answer(model, message):
    counting = Counting(model)
    labels = torch.tensor([0, 1, 2, 3, 0, 9]) if "y must" in message else Y
    with pytest.raises(ValueError, match=message):
        pgd(counting, X, labels, 0.1)
    assert counting.seen == [6]


def test_a_loss_is_one_value_an_example():
    with pytest.raises(ValueError, match=r"loss must give \[6\], one value an example, but gave the shape \[\]"):
        fgsm(network(), X, Y, 0.1, loss=nn.functional.cross_entropy)
    with pytest.raises(ValueError, match='loss "dlr" needs at least 3 classes, but the model has 2'):
        fgsm(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), X, Y % 2, 0.1, loss="dlr")
    with pytest.raises(ValueError, match="no loss named 'hinge'; there are cross_entropy, margin, dlr"):
        attack_loss("hinge", torch.zeros(6, 4), Y)


def test_an_attack_without_labels_checks_its_images_under_their_own_name():
    for x, error, message in (
        ((255 * X).to(torch.uint8), TypeError, "target must be a floating-point tensor, but is torch.uint8"),
        (X[:0], ValueError, r"target must be \[B, ...\] and not empty"),
        (X + 1, ValueError, r"target must lie in \[0.0, 1.0\], but its range is"),
        (X.to("meta"), ValueError, "target must be on the device of the model, cpu, but is on meta"),
    ):
        with pytest.raises(error, match=message):
            check_images(x, "target")
            check_device(network(), x, "target")
            check_bounds(x, (0.0, 1.0), "target")


@pytest.mark.parametrize(("change", "message"), [
    (dict(batch_size=0), "batch_size must be at least 1, but is 0"),
    (dict(x=X.to("meta"), y=Y.to("meta")), "x must be on the device of the model, cpu, but is on meta"),
    (dict(x=X[:0], y=Y[:0]), r"x must be \[B, ...\] and not empty"),
    (dict(y=Y[:3]), r"y must have the shape \[6\]"),
    (dict(attacks={"crop": lambda model, x, y: x[..., :2]}), r"attack 'crop' must return \[6, 1, 4, 4\], but gave"),
])
def test_a_wrong_evaluation_is_one_line(change, message):
    with pytest.raises(ValueError, match=message):
        evaluate(**{"model": network(), "x": X, "y": Y, "attacks": {}} | change)

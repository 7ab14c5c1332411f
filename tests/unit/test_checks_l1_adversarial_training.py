"""Each check of chapter 04 passes the solution and tells a plausible wrong answer what it did."""

import pytest
import torch
from scipy.special import stdtrit
from torch.nn import functional as F

from dbp import checks
from dbp.grading.elsewhere import agrees_elsewhere
from dbp.intervals import student as student_interval


def batch(sign=1, clip=True, detach=True, swap=False, relabel=False):
    def student(model, x, y, eps):
        pixels = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(F.cross_entropy(model(pixels), y, reduction="sum"), pixels)
        copies = (x if detach else pixels) + sign * eps * gradient.sign()
        copies = copies.clamp(0, 1) if clip else copies
        parts = [copies, x] if swap else [x, copies]
        return torch.cat(parts), torch.cat([y, 1 - y if relabel else y])

    return student


def test_right_batch_passes():
    assert "Right" in checks.adversarial_batch(batch())


@pytest.mark.parametrize("student, words", [
    (batch(sign=-1), "FGSM adds the sign"),
    (batch(clip=False), "clip to"),
    (batch(detach=False), "detach them"),
    (batch(swap=True), "copies come first"),
    (batch(relabel=True), "keeps the true label"),
    (lambda model, x, y, eps: (x, y), "expected a tensor of shape"),
])
def test_wrong_batch_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.adversarial_batch(student)


def footnote(outputs, x, create_graph=True):
    (gradient,) = torch.autograd.grad(outputs.sum(), x, create_graph=create_graph)
    return gradient.flatten(1).abs().sum(1)


def rows_first(outputs, x):
    rows = [torch.autograd.grad(outputs[:, i].sum(), x, create_graph=True)[0] for i in range(outputs.shape[1])]
    return sum(row.abs().sum(1) for row in rows)


def test_right_footnote_passes():
    assert "Right" in checks.footnote_penalty(footnote)


@pytest.mark.parametrize("student, words", [
    (rows_first, "absolute values"),
    (lambda outputs, x: footnote(outputs, x, create_graph=False), "create_graph"),
    (lambda outputs, x: footnote(outputs, x).mean(), "expected a tensor"),
    (lambda outputs, x: footnote(outputs, x) / 3, "one value an image"),
])
def test_wrong_footnote_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.footnote_penalty(student)


def paired(with_it, without, factor=None, unbiased=True, root=True):
    gains = torch.tensor(with_it) - torch.tensor(without)
    factor = factor or stdtrit(len(gains) - 1, 0.975)
    return gains.mean(), factor * gains.std(unbiased=unbiased) / (len(gains) ** 0.5 if root else 1)


def welch(with_it, without):
    a, b = torch.tensor(with_it), torch.tensor(without)
    parts = a.var() / 3, b.var() / 3
    freedom = sum(parts) ** 2 / sum(part**2 / 2 for part in parts)
    return a.mean() - b.mean(), stdtrit(float(freedom), 0.975) * sum(parts) ** 0.5


def test_right_interval_passes():
    assert "Right" in checks.paired_gain(paired)


@pytest.mark.parametrize("student, words", [
    (welch, "not paired"),
    (lambda a, b: paired(a, b, factor=1.96), "1.96 is for many seeds"),
    (lambda a, b: paired(a, b, unbiased=False), "n - 1 degrees"),
    (lambda a, b: paired(a, b, root=False), "divide by the root"),
    (lambda a, b: paired(b, a), "expected 2"),
    (lambda a, b: (2.0, 0.0), "4.30 x std"),
])
def test_wrong_interval_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.paired_gain(student)


def mean(values):
    return sum(values) / len(values)


def factor_of_three(values, factor=4.30):
    spread = float(torch.tensor(values).double().std())
    return mean(values) - factor * spread / len(values) ** 0.5


def chooser(lower=lambda clean: student_interval(clean)[0], pays=lambda cost, most: cost <= most, best=None, none=None):
    best = best or (lambda each: mean(each["worst"]))

    def student(defences, least_clean, most_cost):
        allowed = [each for each in defences if lower(each["clean"]) >= least_clean and pays(each["cost"], most_cost)]
        if none == "raise":
            return max(allowed, key=best)["name"]
        return max(allowed, key=best)["name"] if allowed else none

    return student


def test_right_choice_passes():
    assert checks.choose_defence(chooser()).startswith("Right")


@pytest.mark.parametrize("student, words", [
    (chooser(lower=mean), "chose 'birch', expected 'beech': its mean is 98.0"),
    (chooser(lower=lambda clean: 100), "chose 'elder', expected 'beech': its clean accuracy is 95.2"),
    (chooser(lower=min), "the least of three seeds"),
    (chooser(lower=lambda clean: factor_of_three(clean, 1.96)), "4.30, not 1.96"),
    (chooser(lower=factor_of_three), "it depends on the number of seeds"),
    (chooser(pays=lambda cost, most: True), "it costs 14"),
    (chooser(pays=lambda cost, most: cost < most), "that is allowed"),
    (chooser(best=lambda each: max(each["worst"])), "which seed you will get"),
    (chooser(best=lambda each: mean(each["clean"])), "best clean accuracy"),
    (chooser(none="raise"), "return None"),
    (lambda defences, least, most: chooser()(defences, least, most) or "oak", "take the one that comes nearest"),
    (lambda defences, least, most: defences[0], "return its name"),
    (lambda defences, least, most: None, "10 is not more than 10"),
])
def test_wrong_choice_is_told_why(student, words):
    with pytest.raises(AssertionError, match=words):
        checks.choose_defence(student)


@pytest.mark.parametrize("student", [chooser(lower=mean), chooser(pays=lambda cost, most: True)])
def test_wrong_choices_are_noticed_on_other_defences_too(student):
    with pytest.raises(AssertionError, match="on other inputs"):
        agrees_elsewhere("choose-defence", student, chooser())

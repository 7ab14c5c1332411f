"""The classifiers: the sizes of P2 Table 1, logits out, and a seed that decides the weights and nothing else."""

import pytest
import torch

from dbp.models.classifiers import CLASSIFIERS, LeNet, build_classifier


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(("name", "published"), [("A", 710_218), ("B", 1_460_938), ("C", 567_434)])
def test_parameter_counts_are_those_of_table_1(name, published):
    assert count(build_classifier(name, seed=0)) == published


def test_lenet_has_the_size_of_the_1998_design():
    # 6 (25 + 1) + 16 (6 * 25 + 1) + 400 * 120 + 120 + 120 * 84 + 84 + 84 * 10 + 10, with every map seeing every map
    assert count(LeNet()) == 156 + 2_416 + 48_120 + 10_164 + 850


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_ten_logits_an_image(name):
    shape = (2, 3, 32, 32) if name == "cvnet" else (2, 1, 28, 28)
    logits = build_classifier(name, seed=0)(torch.rand(shape))
    assert logits.shape == (2, 10)
    assert not torch.allclose(logits.exp().sum(1), torch.ones(2))  # not log-probabilities


def test_lenet_takes_28_and_32_pixels_and_agrees_on_a_padded_image():
    small, large = LeNet(28), LeNet(32)
    large.load_state_dict(small.state_dict())
    image = torch.rand(1, 1, 28, 28)
    padded = torch.nn.functional.pad(image, (2, 2, 2, 2))
    torch.testing.assert_close(small(image), large(padded))


def test_lenet_refuses_another_size():
    with pytest.raises(ValueError, match="size must be 28 or 32, but is 64"):
        LeNet(64)


def test_a_seed_decides_the_weights_and_leaves_torch_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, two, other = (build_classifier("mlp", seed=seed).state_dict()["1.weight"] for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_an_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match="no classifier named 'letnet'; there are A, B, C, .* .did you mean 'lenet'"):
        build_classifier("letnet", seed=0)

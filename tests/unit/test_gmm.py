"""Gaussian mixtures on codes: densities of scikit-learn and torch, sound far from all means, attacked through to pixels."""

import math
from functools import partial

import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.mixture import GaussianMixture
from torch import nn
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from dbp import data
from dbp.attacks import diagnostics, evaluate, fgsm, pgd, random_noise, zero_gradient_share
from dbp.files import Damaged, write_tensors
from dbp.models import gmm as gmm_module
from dbp.models.autoencoders import build_autoencoder
from dbp.models.gmm import COVARIANCES, ClassConditionalGMM, EncoderClassifier, codes

CENTRES = [[[0.0, 0.0, 0.0]], [[6.0, 0.0, 0.0], [0.0, 6.0, 0.0], [0.0, 0.0, 6.0]]]  # one blob, three blobs


def blobs(each=60, seed=0):
    """Codes, [4 * each, 3], of two classes: the first a single blob, the second three."""
    generator, parts = torch.Generator().manual_seed(seed), []
    for centre in (centre for centres in CENTRES for centre in centres):
        parts.append(torch.tensor(centre) + torch.randn(each, 3, generator=generator) * torch.tensor([1.0, 0.7, 0.4]))
    return torch.cat(parts).double(), torch.tensor([0] * each + [1] * 3 * each)


def gaussians(means, scale=1.0):
    """One round Gaussian a class, of known means, [C, D]."""
    means = torch.tensor(means, dtype=torch.float64)[:, None]
    return ClassConditionalGMM(means, torch.full_like(means, 1 / scale), torch.zeros(len(means), 1))


class Pixels(nn.Module):
    """An encoder whose code is the image itself, in units of `unit`; its standard deviation is 0.1."""

    latents = 2

    def __init__(self, unit=1.0):
        super().__init__()
        self.unit = unit

    def encode(self, x):
        return x.flatten(1) / self.unit, torch.full_like(x.flatten(1), 2 * math.log(0.1))


class Projection(nn.Module):
    """An encoder of digits: six random directions."""

    latents = 6

    def __init__(self):
        super().__init__()
        self.register_buffer("directions", torch.randn(784, 6, generator=torch.Generator().manual_seed(0)) / 10)

    def encode(self, x):
        mu = x.flatten(1) @ self.directions
        return mu, torch.zeros_like(mu)


@pytest.fixture(scope="module")
def digits():
    split = data.load("mnist", "embedded").test
    return split.images[:400], split.labels[:400]


@pytest.fixture(scope="module")
def classifier(digits):
    """Digits through a random encoder of 32 latents, and one diagonal Gaussian a class."""
    vae = build_autoencoder("VAE", seed=0).eval()
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter *= 3  # trained ones are about as large
    return EncoderClassifier(vae, ClassConditionalGMM.fit(codes(vae, digits[0]), digits[1], components=1, covariance="diag"))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("covariance", COVARIANCES)
def test_densities_are_those_of_scikit_learn(covariance, count):
    z, y = blobs()
    gmm = ClassConditionalGMM.fit(z, y, components=count, covariance=covariance, ridge=1e-3, seed=4)
    points = torch.cat([z, 50 * z])
    for label in (0, 1):
        own = GaussianMixture(count, covariance_type=covariance, reg_covar=1e-3, max_iter=500, random_state=4)
        expected = torch.from_numpy(own.fit(z[y == label].numpy()).score_samples(points.numpy()))
        torch.testing.assert_close(gmm(points)[:, label], expected, rtol=1e-12, atol=1e-5)
        assert gmm.bic[label] == {count: pytest.approx(own.bic(z[y == label].numpy()))}


def test_densities_are_those_of_torch_distributions_in_two_dimensions():
    covariance = torch.tensor([[[2.0, 0.6], [0.6, 0.5]], [[0.3, 0.0], [0.0, 4.0]]], dtype=torch.float64)
    means = torch.tensor([[0.0, 1.0], [3.0, -1.0]], dtype=torch.float64)
    weights = torch.tensor([0.2, 0.8], dtype=torch.float64)
    factor = torch.linalg.cholesky(covariance).inverse().mT  # U with U U^T the inverse
    gmm = ClassConditionalGMM(means[None], factor[None], weights.log()[None])
    points = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 4
    known = MixtureSameFamily(Categorical(weights), MultivariateNormal(means, covariance))
    torch.testing.assert_close(gmm(points)[:, 0], known.log_prob(points), rtol=0, atol=1e-10)


def test_the_density_at_the_mean_of_a_round_gaussian_is_known_by_hand():
    found = gaussians([[0.0, 0.0], [3.0, 4.0]], scale=2.0)(torch.zeros(1, 2))
    at_mean = -math.log(2 * math.pi) - 2 * math.log(2)
    assert found.tolist() == [[pytest.approx(at_mean), pytest.approx(at_mean - 25 / 8)]]


@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_gradients_are_central_differences_in_float64(covariance):
    z, y = blobs()
    gmm = ClassConditionalGMM.fit(z, y, components=3, covariance=covariance)
    points = z[::40].clone().requires_grad_()
    for output in (lambda point: gmm(point)[:, 1], lambda point: gmm.probabilities(point)[:, 0]):
        (gradient,) = torch.autograd.grad(output(points).sum(), points)
        for axis in range(3):
            step = torch.zeros(3, dtype=torch.float64)
            step[axis] = 1e-5
            slope = (output(points + step) - output(points - step)).detach() / 2e-5
            torch.testing.assert_close(gradient[:, axis], slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_probabilities_sum_to_one_and_stay_finite_fifty_standard_deviations_away(covariance):
    z, y = blobs()
    gmm = ClassConditionalGMM.fit(z, y, components=2, covariance=covariance)
    points = (50 * 4 * torch.randn(40, 3, generator=torch.Generator().manual_seed(0))).requires_grad_()  # 4: all codes' sd
    probabilities, densities = gmm.probabilities(points), gmm(points)
    assert float(densities.detach().max()) < -500  # far away indeed
    torch.testing.assert_close(probabilities.sum(1), torch.ones(40, dtype=torch.float64), rtol=0, atol=1e-12)
    for value in (probabilities[:, 0].sum(), densities[:, 0].sum(), (densities[:, 0] - densities[:, 1]).sum()):
        (gradient,) = torch.autograd.grad(value, points, retain_graph=True)
        assert bool(value.isfinite()) and bool(gradient.isfinite().all())
    assert bool((gradient != 0).any(1).all())  # of the margin, at each point


def test_differences_far_away_keep_what_float32_would_lose():
    gmm = gaussians([[-1.0, 0.0], [1.0, 0.0]])
    found = gmm(torch.tensor([[0.125, 1e5]]))  # -(z - 1)^2 / 2 + (z + 1)^2 / 2 = 2 z
    assert float(found[0, 1] - found[0, 0]) == pytest.approx(0.25, abs=1e-5)
    assert float(found.float()[0, 1] - found.float()[0, 0]) == 0


def test_priors_are_equal_unless_others_are_asked_for():
    z = torch.randn(80, 2, generator=torch.Generator().manual_seed(0))
    same = ClassConditionalGMM.fit(torch.cat([z, z, z, z]), torch.tensor([0] * 80 + [1] * 240), components=1)
    for priors, expected in ((None, 0.5), ("empirical", 0.25), (torch.tensor([2, 8]), 0.2)):
        assert same.probabilities(z, priors)[:, 0].tolist() == [pytest.approx(expected, abs=1e-4)] * 80


def test_bic_finds_how_many_blobs_there_are():
    z, y = blobs()
    gmm = ClassConditionalGMM.fit(z, y, components="bic", candidates=(1, 2, 3, 4))
    assert gmm.components == [1, 3] and "components=[1, 3]" in repr(gmm)
    assert [list(tried) for tried in gmm.bic] == [[1, 2, 3, 4]] * 2
    assert [min(tried, key=tried.get) for tried in gmm.bic] == [1, 3]
    one = GaussianMixture(1, random_state=0).fit(z[y == 0].numpy())  # beside a class of three
    torch.testing.assert_close(gmm(z)[:, 0], torch.from_numpy(one.score_samples(z.numpy())), rtol=0, atol=1e-5)
    padded = z.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(gmm(padded).sum(), padded)
    assert bool(gradient.isfinite().all())


def test_bic_leaves_out_what_a_class_has_too_few_codes_for():
    z, y = blobs(each=10)  # 4 a component: class 0 has enough for 2, class 1 for 7
    gmm = ClassConditionalGMM.fit(z, y, components="bic", candidates=(1, 2, 3, 4))
    assert [list(tried) for tried in gmm.bic] == [[1, 2], [1, 2, 3, 4]]


def test_a_class_does_not_depend_on_the_others_and_a_fit_can_be_repeated():
    z, y = blobs()
    gmm, again = (ClassConditionalGMM.fit(z, y, components=3) for _ in range(2))
    assert torch.equal(gmm(z), again(z))
    alone = ClassConditionalGMM.fit(z[y == 1], y[y == 1] - 1, components=3)
    torch.testing.assert_close(alone(z)[:, 0], gmm(z)[:, 1], rtol=1e-12, atol=1e-9)
    assert not torch.equal(ClassConditionalGMM.fit(z, y, components=3, seed=5)(z), gmm(z))


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_a_latent_that_does_not_vary_gets_the_variance_of_the_ridge(covariance):
    z, y = blobs()
    z[:, 2] = 0.5
    gmm = ClassConditionalGMM.fit(z, y, components=2, covariance=covariance, ridge=1e-4)
    assert bool((gmm.held == (0 if covariance == "spherical" else 1)).all())
    if covariance != "spherical":
        away = z + torch.tensor([0.0, 0.0, 0.05])  # five standard deviations, since the ridge's is 0.01
        torch.testing.assert_close(gmm(z) - gmm(away), torch.full((240, 2), 12.5, dtype=torch.float64), rtol=0, atol=1e-3)


def wrong(**changes):
    """The arguments of a sound call, but for the changes."""
    z, y = blobs(each=10)
    z, y = changes.pop("z", z), changes.pop("y", y)
    return (z, y), {"components": 2, **changes}


def spoilt(value):
    z, _ = blobs(each=10)
    z[3, 1] = value
    return z


@pytest.mark.parametrize("changes, words", [
    ({"z": spoilt(math.nan)}, "z must be finite, but 1 of 40 codes are not"),
    ({"z": spoilt(math.inf)}, "z must be finite, but 1 of 40 codes are not"),
    ({"z": torch.zeros(40)}, r"z and y must be \[N, D\] and \[N\], but have the shapes \[40\] and \[40\]"),
    ({"y": torch.zeros(3, dtype=torch.int64)}, r"but have the shapes \[40, 3\] and \[3\]"),
    ({"components": 3}, "class 0 must have at least 12 distinct codes for 3 components of 3 latents, 'full', but has 10"),
    ({"components": 8, "covariance": "tied"}, "class 0 must have at least 11 distinct codes .* but has 10"),
    ({"components": 11, "covariance": "diag"}, "class 0 must have at least 22 distinct codes .* but has 10"),
    ({"components": "bic", "candidates": (4, 5)}, "class 0 must have at least 16 distinct codes for 4 components"),
    ({"z": torch.ones(40, 3)}, "class 0 must have at least 8 distinct codes for 2 components of 3 latents, .* but has 1$"),
    ({"classes": 3}, "class 2 must have at least 8 distinct codes .* but has 0"),
    ({"classes": 1}, "y must lie from 0 to 0, but reaches from 0 to 1"),
    ({"y": torch.arange(40) - 1}, "y must lie from 0 to 38, but reaches from -1 to 38"),
    ({"components": 0}, r"components must be a whole number of at least 1, or 'bic' among such, but are \[0\]"),
    ({"components": "BIC"}, r"or 'bic' among such, but are \['BIC'\]"),
    ({"components": "bic", "candidates": ()}, r"or 'bic' among such, but are \[\]"),
    ({"covariance": "diagonal"}, "no covariance named 'diagonal'; there are full, tied, diag, spherical"),
    ({"ridge": -1.0}, "ridge must be finite and at least 0, but is -1.0"),
    ({"ridge": math.nan}, "ridge must be finite and at least 0, but is nan"),
])
def test_wrong_fits_get_one_line(changes, words):
    arguments, options = wrong(**changes)
    with pytest.raises(ValueError, match=words) as caught:
        ClassConditionalGMM.fit(*arguments, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("changes, found", [
    ({"z": torch.ones(40, 3, dtype=torch.int64)}, "torch.int64 and torch.int64"),
    ({"y": torch.ones(40)}, "torch.float64 and torch.float32"),
    ({"z": [[0.0]]}, "list and torch.int64"),
])
def test_wrong_types_are_named(changes, found):
    arguments, options = wrong(**changes)
    with pytest.raises(TypeError, match=f"z and y must be a floating-point and an int64 tensor, but are {found}"):
        ClassConditionalGMM.fit(*arguments, **options)


@pytest.mark.parametrize("covariance, column", [("full", "copy"), ("tied", "copy"), ("diag", "constant")])
def test_a_singular_covariance_is_an_error_where_the_ridge_cannot_help(covariance, column):
    z, y = blobs()
    z[:, 2] = z[:, 0] if column == "copy" else 0.0
    for ridge in (0.0, 1e-300):
        with pytest.raises(ValueError, match="a covariance of class 0, 1 components, is singular in spite of") as caught:
            ClassConditionalGMM.fit(z, y, components=1, covariance=covariance, ridge=ridge)
        assert "\n" not in str(caught.value)
    ClassConditionalGMM.fit(z, y, components=1, covariance=covariance, ridge=1e-9)


def test_em_that_stops_early_says_so(monkeypatch):
    monkeypatch.setattr(gmm_module, "ITERATIONS", 1)
    z, y = blobs()
    with pytest.warns(UserWarning, match="EM of class 0 did not converge in 1 iterations"):
        ClassConditionalGMM.fit(z[y == 1], y[y == 1] - 1, components=3, covariance="spherical")


def test_what_is_read_is_what_was_written(tmp_path):
    z, y = blobs()
    gmm = ClassConditionalGMM.fit(z, y, components="bic", candidates=(1, 3))
    gmm.save(tmp_path / "gmm.safetensors")
    found = ClassConditionalGMM.load(tmp_path / "gmm.safetensors")
    assert torch.equal(found(z), gmm(z)) and torch.equal(found.held, gmm.held) and torch.equal(found.priors, gmm.priors)
    assert found.bic == gmm.bic and found.components == gmm.components == [1, 3] and repr(found) == repr(gmm)


def test_a_file_of_something_else_or_a_changed_one_is_refused(tmp_path):
    path = tmp_path / "gmm.safetensors"
    write_tensors(path, {"means": torch.zeros(1, 1, 1)}, {"kind": "other"})
    with pytest.raises(ValueError, match="must hold a ClassConditionalGMM, but its kind is 'other'"):
        ClassConditionalGMM.load(path)
    gaussians([[0.0, 0.0]]).save(path)
    body = bytearray(path.read_bytes())
    body[-1] ^= 1
    path.write_bytes(body)
    with pytest.raises(Damaged):
        ClassConditionalGMM.load(path)


def test_it_stays_in_float64_and_holds_no_parameter(monkeypatch):
    gmm = gaussians([[0.0, 0.0], [1.0, 0.0]])
    for model in (gmm, gmm.float(), gmm.half(), gmm.to(torch.float32)):
        assert model.means.dtype == model.precision_cholesky.dtype == torch.float64 and not list(model.parameters())
    assert gmm(torch.zeros(3, 2)).dtype == torch.float64
    monkeypatch.setattr(gmm_module, "WITHOUT_FLOAT64", ("meta",))
    assert gmm.to("meta").means.device.type == "cpu"  # a device that lacks float64
    monkeypatch.undo()
    assert gmm.to("meta").means.device.type == "meta"


def test_rows_do_not_depend_on_each_other():
    z, y = blobs()
    gmm = ClassConditionalGMM.fit(z, y, components=3)
    torch.testing.assert_close(gmm(z[17:18])[0], gmm(z)[17], rtol=1e-13, atol=1e-12)
    points = z.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(gmm(points)[17].sum(), points)
    assert (gradient != 0).any(1).nonzero().tolist() == [[17]]


@pytest.mark.parametrize("z", [torch.zeros(3), torch.zeros(3, 3), torch.zeros(3, 2, 1), torch.zeros(3, 2).long()])
def test_wrong_codes_are_named(z):
    with pytest.raises(ValueError, match=r"z must be floating point, \[B, 2\], on cpu, but is"):
        gaussians([[0.0, 0.0]])(z)


@pytest.mark.parametrize("priors", [torch.tensor([1.0]), torch.tensor([1.0, 0.0]), torch.tensor([1.0, math.inf]), "equal"])
def test_wrong_priors_are_named(priors):
    with pytest.raises(ValueError, match="priors"):
        gaussians([[0.0, 0.0], [1.0, 0.0]]).probabilities(torch.zeros(1, 2), priors)


def test_shapes_that_do_not_go_together_are_named():
    with pytest.raises(ValueError, match=r"but are \[2, 1, 3\], \[2, 1, 3, 2\], \[2, 1\]"):
        ClassConditionalGMM(torch.zeros(2, 1, 3), torch.zeros(2, 1, 3, 2), torch.zeros(2, 1))


def test_the_classifier_gives_the_paper_s_probabilities(classifier, digits):
    images, _ = digits
    mu = codes(classifier.autoencoder, images)
    logits = classifier(images).detach()
    torch.testing.assert_close(logits.double().softmax(1), classifier.head.probabilities(mu), rtol=1e-4, atol=1e-6)
    assert logits.dtype == torch.float32 and logits.amax(1).tolist() == [0.0] * 400
    densities = classifier.head(mu)  # a constant a row is all that is taken off
    torch.testing.assert_close(logits.double(), densities - densities.amax(1, keepdim=True), rtol=1e-5, atol=1e-5)


def test_the_margin_survives_float32_far_from_all_means():
    x = torch.tensor([[0.125, 1.0]])
    far = EncoderClassifier(Pixels(torch.tensor([1.0, 1e-5])), gaussians([[-1.0, 0.0], [1.0, 0.0]]))
    assert far(x).tolist() == [[pytest.approx(-0.25, abs=1e-5), 0.0]]  # at (0.125, 100,000): see above


def test_cross_entropy_pulls_at_the_label_too_where_float32_would_round_that_away():
    """At (0.5, 0.1) the first class is 44 nats ahead, and its probability is 1 in float64 too."""
    gmm = gaussians([[0.5, 0.0], [1.0, 0.9]], scale=0.1)
    x = torch.tensor([[0.5, 0.1]], requires_grad=True)
    logits = EncoderClassifier(Pixels(), gmm)(x)
    assert logits.tolist() == [[0.0, pytest.approx(-44.0, abs=1e-3)]] and logits.dtype == torch.float32
    (margin,) = torch.autograd.grad(logits[0, 1] - logits[0, 0], x, retain_graph=True)
    loss = nn.functional.cross_entropy(logits, torch.tensor([0]))
    (found,) = torch.autograd.grad(loss, x)
    torch.testing.assert_close(found / found.norm(), margin / margin.norm(), rtol=1e-4, atol=1e-5)
    rounded = nn.functional.cross_entropy(gmm(x), torch.tensor([0]))  # of the densities as they are
    (other,) = torch.autograd.grad(rounded, x)
    assert float((other / other.norm() - margin / margin.norm()).norm()) > 0.01


@pytest.mark.parametrize("name, attack", [
    ("fgsm", partial(fgsm, eps=0.05)),
    ("fgsm, margin", partial(fgsm, eps=0.05, loss="margin")),
    ("pgd", partial(pgd, eps=0.05, steps=5)),
    ("pgd, margin, restarts", partial(pgd, eps=0.05, steps=5, loss="margin", restarts=2)),
    ("pgd, dlr", partial(pgd, eps=0.05, steps=5, loss="dlr")),
    ("pgd, l2", partial(pgd, eps=1.0, steps=5, norm="l2")),
])
def test_attacks_reach_the_pixels_and_leave_nothing_behind(classifier, digits, name, attack):
    images, labels = (part[:100] for part in digits)
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    noise = partial(random_noise, eps=0.05)
    found = evaluate(classifier, images, labels, {name: attack, "noise": noise})
    assert float(found.clean.double().mean()) > 0.5 and found.accuracy(name) < found.accuracy("noise") - 0.1
    adversarial = attack(classifier, images, labels)
    assert adversarial.dtype == torch.float32 and not adversarial.requires_grad
    assert all(torch.equal(before[name], value) for name, value in classifier.state_dict().items())
    assert all(parameter.grad is None for parameter in classifier.parameters()) and not classifier.autoencoder.training


def test_diagnostics_take_it(classifier, digits):
    table = diagnostics(classifier, *(part[:60] for part in digits), eps_grid=(0.1, 0.5), steps=5, draws=1)
    assert table["value"].between(0, 1).all() and len(table) == 9


def test_probabilities_stall_far_away_where_the_margin_does_not():
    x, y = torch.rand(20, 1, 1, 2, generator=torch.Generator().manual_seed(0)), torch.zeros(20, dtype=torch.int64)
    model = EncoderClassifier(Pixels(1e-3), gaussians([[0.0, 0.0], [1000.0, 1000.0]], scale=30.0))
    y = model(x).argmax(1)

    def literal(logits, labels):  # P1 Eq. (15), with the label as the target
        return (nn.functional.one_hot(labels, 2) - logits.softmax(1)).norm(dim=1)

    assert zero_gradient_share(model, x, y, loss=literal) > 0.8 > 0.2 > zero_gradient_share(model, x, y, loss="margin") == 0
    assert torch.equal(pgd(model, x, y, 0.05, loss=literal, random_start=False, steps=3)[0], x[0])
    assert not torch.equal(pgd(model, x, y, 0.05, loss="margin", random_start=False, steps=3)[0], x[0])


def test_any_head_goes_onto_the_same_encoder(digits):
    """A linear layer as it is, LDA as a linear layer, and QDA, which is one full Gaussian a class."""
    images, labels = digits
    encoder = Projection()
    z = codes(encoder, images)
    lda = LinearDiscriminantAnalysis(priors=[0.1] * 10).fit(z, labels)
    linear = nn.Linear(6, 10)
    linear.load_state_dict({"weight": torch.from_numpy(lda.coef_), "bias": torch.from_numpy(lda.intercept_)})
    qda = QuadraticDiscriminantAnalysis(priors=[0.1] * 10).fit(z, labels)
    one = ClassConditionalGMM.fit(z, labels, components=1, ridge=0.0)
    for head, known in ((linear, lda), (one, qda)):
        model = EncoderClassifier(encoder, head)
        found = model(images)
        assert float((found.argmax(1) == torch.from_numpy(known.predict(z))).double().mean()) > 0.97  # QDA divides by n - 1
        assert pgd(model, images[:5], labels[:5], 0.1, steps=2).shape == images[:5].shape
    expected = torch.from_numpy(lda.predict_proba(z)).float()
    torch.testing.assert_close(EncoderClassifier(encoder, linear)(images).softmax(1), expected, rtol=1e-3, atol=1e-4)


def test_sampled_codes_average_the_probabilities_with_the_same_noise_at_each_call():
    gmm = gaussians([[0.0, 0.0], [0.5, 0.0]], scale=0.2)
    model, x = EncoderClassifier(Pixels(), gmm, samples=3, seed=1), torch.rand(4, 1, 1, 2)
    by_hand = torch.stack([gmm.probabilities(x.flatten(1) + 0.1 * noise) for noise in model.noise]).mean(0)
    torch.testing.assert_close(model(x).softmax(1), by_hand.float(), rtol=1e-4, atol=1e-6)
    assert torch.equal(model(x), model(x)) and torch.equal(model(x[2:3])[0], model(x)[2])
    assert not torch.equal(model(x), EncoderClassifier(Pixels(), gmm, samples=3, seed=2)(x))


def test_codes_are_the_means_or_samples_around_them():
    x = torch.rand(700, 1, 1, 2)
    assert torch.equal(codes(Pixels(), x, batch_size=64), x.flatten(1))
    sampled = codes(Pixels(), x, generator=torch.Generator().manual_seed(0))
    assert float((sampled - x.flatten(1)).std()) == pytest.approx(0.1, rel=0.1) and not sampled.requires_grad
    assert torch.equal(codes(Pixels(), x, generator=torch.Generator().manual_seed(0)), sampled)

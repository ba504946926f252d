"""The examples of the language's reference: what each states, as a model."""

from __future__ import annotations

import pytest

from ardsl.families.domains import Binary, Category, Integer, MuLaw, Real
from ardsl.model.model import Axis
from ardsl.model.settings import Choice
from ardsl.relations import Affine, AxisPart, Earlier, Everything, Part
from tests.support.model_specs import model_of

MADE = """\
# Binarized MNIST with a masked autoencoder
model mnist_made "the masked autoencoder"
param width = 500

observed x[28, 28] : binary
order x by shuffle(seed = 1)

p(x[i] | x[<i]) = bernoulli via made(hidden = [width, width])

check complete(x)

data  { train = "binarized_mnist.npz#train"  valid = "binarized_mnist.npz#valid"  test = "binarized_mnist.npz#test" }
train { optimizer = adam(rate = 1e-3)  batch = 100  epochs = 200  patience = 30 }
"""
COLOUR = """\
given    label : category(10)
observed x[row: 32, column: 32, channel: 3] : integer(0, 255)
"""
WAVE = """\
given    speaker : category(109)
given    text[frame: 200, feature: 39] : real
observed wave[time: 16000] : mulaw(256)
p(wave[t] | wave[<t], speaker, text[..t / 80, *]) = categorical via wavenet(blocks = 3, layers = 10)
"""
VAE = """\
latent   z1[4, 4, 32] : real
latent   z2[64]       : real
observed x[28, 28]    : binary
p(z2)      = normal(0, 1)
p(z1 | z2) = normal via deconv(hidden = [64])
p(x[i] | x[<i], z1 via deconv(hidden = [32])) = bernoulli via pixelcnn(layers = 4, features = 32)
q(z1 | x)  = normal via conv(hidden = [32, 64])
q(z2 | z1) = normal via mlp(hidden = [256])
"""
STRUCTURE = """\
observed age       : real
observed education : category("HS", "BSc", "MSc", "PhD")
observed income    : binary
net body = made(hidden = [256, 256])
p(education)               = categorical
p(age | education)         = mixture(normal, components = 10) via body
p(income | age, education) = bernoulli via body
check independent(age, income | education)
"""
RECORD = """\
record person {
  age       : real ~ mixture(normal, components = 10)
  workclass : category("Private", "State", "Self")
  income    : binary
}
order person by [workclass, age, income]
p(person[i] | person[<i]) = default via made(hidden = [512, 512])
"""


def test_masked_autoencoder() -> None:
    model = model_of(MADE)
    assert (model.name, model.doc, model.params) == ("mnist_made", "the masked autoencoder", {"width": 500})
    x = model.variables["x"]
    assert (x.kind, x.axes, x.domain, x.shape) == ("observed", (Axis(None, 28), Axis(None, 28)), Binary(), (28, 28))
    assert x.orders.name == "shuffle(seed = 1)"
    assert model.source.text[x.order_span.start : x.order_span.end] == "order x by shuffle(seed = 1)"
    (factor,) = model.factors
    assert (factor.kind, factor.variable, factor.elements, factor.event_axes) == ("p", "x", range(784), ())
    assert [family.name for family in factor.families] == ["bernoulli"]
    assert [(c.variable, c.selection, c.network, c.text) for c in factor.contexts] == [("x", Earlier(), None, "x[<i]")]
    assert (factor.network.name, factor.network.options, factor.net) == ("made", {"hidden": (500, 500)}, None)
    assert factor.network.written
    assert factor.text == "p(x[i] | x[<i])"
    (claim,) = model.claims
    assert (claim.kind, claim.variable, claim.text) == ("complete", "x", "check complete(x)")
    assert model.data.test == "binarized_mnist.npz#test"
    train = model.train
    assert train.optimizer == Choice("adam", {"rate": 1e-3})
    assert (train.batch, train.epochs, train.patience, train.schedule) == (100, 200, 30, Choice("constant"))


def test_pixelcnn() -> None:
    model = model_of(COLOUR + "p(x[i] | x[<i], label) = categorical via pixelcnn(layers = 15, gated = true)")
    label, x = model.variables.values()
    assert (label.kind, label.shape, label.size, label.domain) == ("given", (), 1, Category(10))
    assert x.axes == (Axis("row", 32), Axis("column", 32), Axis("channel", 3))
    assert x.domain == Integer(0, 255)
    assert x.orders.name == "raster"
    assert x.order_span is None
    (factor,) = model.factors
    assert [c.selection for c in factor.contexts] == [Earlier(), Everything(3072, 1)]
    assert factor.network.options == {"layers": 15, "gated": True}
    assert factor.families[0].width == 256


def test_one_draw_per_pixel() -> None:
    text = COLOUR.replace("integer(0, 255)", "real")
    model = model_of(text + "p(x[r, c, *] | x[<], label) = multivariate_normal via pixelcnn")
    (factor,) = model.factors
    assert factor.event_axes == (2,)
    assert factor.families[0].event == 3
    order = model.variables["x"].orders.order
    assert (order.shape, order.draw_shape, order.steps) == ((32, 32, 3), (32, 32), 1024)
    assert order.rank[:7].tolist() == [0, 0, 0, 1, 1, 1, 2]


def test_colour_mixture() -> None:
    text = COLOUR + "p(x[r, c, *] | x[<], label) = color_mixture(components = 10) via pixelcnn(layers = 15)"
    (family,) = model_of(text).factors[0].families
    assert (family.name, family.components, family.event) == ("color_mixture", 10, 3)


def test_wavenet() -> None:
    model = model_of(WAVE)
    assert model.variables["wave"].domain == MuLaw(256)
    (factor,) = model.factors
    earlier, speaker, text = factor.contexts
    assert earlier.selection == Earlier()
    assert speaker.selection == Everything(16000, 1)
    frame = AxisPart(None, Affine(0, 1, 0, 80, 0))
    assert text.selection == Part((16000,), (200, 39), (frame, AxisPart()))
    assert text.text == "text[..t / 80, *]"
    relation = text.relation(model.variables["wave"].orders.order)
    assert len(relation.reads(0)) == 39
    assert len(relation.reads(15999)) == 200 * 39


def test_pixelvae() -> None:
    model = model_of(VAE)
    assert [f.text for f in model.factors] == ["p(z2)", "p(z1 | z2)", "p(x[i] | x[<i], z1 via deconv(hidden = [32]))"]
    assert [f.text for f in model.guide] == ["q(z1 | x)", "q(z2 | z1)"]
    prior, upper, decoder = model.factors
    assert (prior.network.name, prior.network.written, prior.contexts) == ("free", False, ())
    assert prior.families[0].fixed == {"loc": 0.0, "scale": 1.0}
    assert upper.contexts[0].selection == Everything(512, 64)
    assert decoder.contexts[1].network is not None
    assert decoder.contexts[1].network.options == {"hidden": (32,)}
    assert [v.kind for v in model.variables.values()] == ["latent", "latent", "observed"]


def test_declared_structure() -> None:
    model = model_of(STRUCTURE)
    education, age, income = model.factors
    assert education.network.name == "free"
    assert (age.net, income.net) == ("body", "body")
    assert age.network is income.network
    assert str(age.families[0]) == "mixture(normal, components = 10)"
    (claim,) = model.claims
    named = [[(s.variable, s.elements) for s in sets] for sets in (claim.left, claim.right, claim.given)]
    assert named == [[("age", (0,))], [("income", (0,))], [("education", (0,))]]


def test_record() -> None:
    model = model_of(RECORD)
    person = model.variables["person"]
    assert person.is_record
    assert (person.shape, person.domain) == ((3,), None)
    assert [f.name for f in person.fields] == ["age", "workclass", "income"]
    assert [f.domain for f in person.fields] == [Real(), Category(3, ("Private", "State", "Self")), Binary()]
    assert person.orders.order.permutation.tolist() == [1, 0, 2]
    (factor,) = model.factors
    assert [str(f) for f in factor.families][0] == "mixture(normal, components = 10)"
    assert len(factor.families) == 3
    assert factor.contexts[0].selection == Earlier()


@pytest.mark.parametrize(
    ("left", "network"),
    [("p(x)", "free"), ("p(x | y)", "linear")],
)
def test_omitted_network(left: str, network: str) -> None:
    model = model_of(f"given y : real\nobserved w : real\nobserved x : real\np(w | y) = normal\n{left} = normal")
    assert (model.factors[1].network.name, model.factors[1].network.written) == (network, False)


def test_a_spec_is_named_after_its_file() -> None:
    assert model_of("observed x : real\np(x) = normal").name == "spec"

"""The module `SpatialTransformer`."""

import copy
import io

import numpy as np
import pytest

import stn_numba as stn

torch = pytest.importorskip("torch")
bridge = pytest.importorskip("stn_numba.torch")
tutorial = pytest.importorskip("tests.torch.tutorial")
nn, functional = torch.nn, torch.nn.functional

STEPS = 20


def small(transform="affine", **options):
    torch.manual_seed(0)
    return bridge.SpatialTransformer(nn.Sequential(nn.Flatten(), nn.LazyLinear(4), nn.Tanh()), transform, **options)


class OurNet(tutorial.Net):
    """The tutorial's network with our transformer in place of its own."""

    def __init__(self):
        super().__init__()
        self.transformer = bridge.SpatialTransformer(nn.Identity(), align_corners=False)
        self.transformer.localisation, self.transformer.theta_layer = self.localization, self.fc_loc

    def stn(self, x):
        return self.transformer(x)


def losses(net):
    """The losses of some steps of training on smooth images, with the tutorial's optimizer."""
    rng, dtype = torch.Generator().manual_seed(1), net.conv1.weight.dtype
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    found = []
    for _ in range(STEPS):
        x = functional.interpolate(torch.rand(16, 1, 7, 7, generator=rng, dtype=dtype), (28, 28), mode="bicubic")
        y = (x.mean((1, 2, 3)) * 40).long() % 10
        optimizer.zero_grad()
        loss = functional.nll_loss(net(x), y)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("float64", 1e-12)])
def test_the_tutorial_s_network_trains_to_the_same_losses(dtype, tolerance):
    torch.manual_seed(0)
    theirs, ours = tutorial.Net().to(getattr(torch, dtype)), OurNet().to(getattr(torch, dtype))
    start = torch.tensor([0.93, 0.11, 0.047, -0.09, 0.95, -0.03])  # off the pixel lines, where gradients have kinks
    theirs.fc_loc[2].bias.data.copy_(start)
    ours.load_state_dict(theirs.state_dict() | {f"transformer.{k}": v for k, v in nested(theirs).items()})
    before = copy.deepcopy(theirs.state_dict())
    expected, got = losses(theirs), losses(ours)
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance)
    assert abs(expected[0] - expected[-1]) > 1e-3
    if dtype == "float32":  # the changes of weights are close to their rounding
        return
    for name in ("fc_loc.2.bias", "fc_loc.2.weight", "localization.0.weight"):  # the transformer has learned too
        change, expected = (net.state_dict()[name] - before[name] for net in (ours, theirs))
        assert expected.any()
        torch.testing.assert_close(change, expected, rtol=0, atol=1e-9 * expected.abs().max().item())


def nested(net):
    """The weights of a localisation network by the names that a transformer gives them."""
    parts = {"localization": "localisation", "fc_loc": "theta_layer"}
    split = ((name.partition("."), tensor) for name, tensor in net.state_dict().items())
    return {f"{parts[first]}.{rest}": tensor for (first, _, rest), tensor in split if first in parts}


def test_it_starts_from_the_identity():
    image = torch.rand(2, 3, 8, 6)
    assert torch.equal(small()(image), image)
    torch.testing.assert_close(small("tps")(image), image, atol=1e-5, rtol=0)


def test_it_starts_from_given_parameters_and_options():
    options = {"control_points": (2, 2)}
    initial = stn.get_transform("tps", **options).identity() * 0.5
    sampling = {"kernel": "bicubic", "padding": "border", "align_corners": False}
    layer = small("tps", shape=(4, 5), options=options, initial=initial, **sampling)
    image = torch.rand(2, 1, 8, 6)
    rows = np.tile(initial, (2, 1)).astype(np.float32)
    expected = stn.warp(image, rows, stn.get_transform("tps", **options), (4, 5), layout="NCHW", **sampling)
    np.testing.assert_array_equal(layer(image).detach().numpy(), expected)
    assert torch.equal(layer.theta(image), torch.tensor(initial, dtype=torch.float32).expand(2, -1))


def test_the_last_layer_takes_its_size_from_the_first_batch():
    layer = small("projective")
    assert isinstance(layer.theta_layer.weight, nn.UninitializedParameter)
    layer(torch.rand(1, 1, 4, 4))
    assert (type(layer.theta_layer), layer.theta_layer.weight.shape) == (nn.Linear, (8, 4))
    assert not layer.theta_layer.weight.any()


def test_features_with_axes_are_flattened():
    layer = bridge.SpatialTransformer(nn.Conv2d(1, 2, 3))
    assert layer.theta(torch.rand(5, 1, 6, 6)).shape == (5, 6)
    assert layer.theta_layer.in_features == 32


def test_gradients_reach_all_parameters():
    layer, image = small().double(), torch.rand(2, 1, 6, 6, dtype=torch.float64, requires_grad=True)
    layer(image)
    with torch.no_grad():
        layer.theta_layer.weight.normal_(0, 0.1)
        layer.theta_layer.bias += 0.05
    assert torch.autograd.gradcheck(layer, (image,), eps=1e-7, atol=1e-5)
    layer(image).square().sum().backward()
    assert all(parameter.grad.any() for parameter in layer.parameters())


def random_weights(layer, image):
    layer(image)
    with torch.no_grad():
        layer.theta_layer.weight.normal_(0, 0.1)
    return layer


@pytest.mark.parametrize("transform", ["affine", "tps"])
def test_weights_load_into_a_layer_that_has_no_size_yet(transform):
    image = torch.rand(2, 1, 6, 6)
    trained, new = random_weights(small(transform), image), small(transform)
    new.load_state_dict(trained.state_dict())
    assert torch.equal(new(image), trained(image))


@pytest.mark.parametrize("transform", ["affine", "tps"])
def test_copies_and_saved_modules_compute_the_same(transform):
    image = torch.rand(2, 1, 6, 6)
    layer, file = random_weights(small(transform), image), io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    for other in (copy.deepcopy(layer), torch.load(file, weights_only=False)):
        assert torch.equal(other(image), layer(image))


@pytest.mark.parametrize("transform", ["affine", stn.get_transform("tps")], ids=str)
@pytest.mark.parametrize("sized", [True, False])
def test_it_compiles_as_a_whole(transform, sized):
    torch._dynamo.reset()
    layer, image = small(transform, shape=(3, 4)), torch.rand(2, 1, 6, 6, requires_grad=True)
    if sized:
        random_weights(layer, image)
    out = torch.compile(layer, fullgraph=True, backend="aot_eager")(image)
    assert torch.equal(out, layer(image))
    gradient, expected = (torch.autograd.grad(each.sum(), image)[0] for each in (out, layer(image)))
    assert torch.equal(gradient, expected)
    torch._dynamo.reset()


def test_half_precision():
    layer = small().to(torch.bfloat16)
    assert layer(torch.rand(1, 1, 4, 4).bfloat16()).dtype == torch.bfloat16
    layer = small()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = layer(torch.rand(1, 1, 4, 4))
        assert (out.dtype, layer.theta(torch.rand(1, 1, 4, 4)).dtype) == (torch.float32, torch.bfloat16)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"localisation": stn.nn.Flatten()}, TypeError, "localisation: expected a torch.nn.Module, got Flatten"),
        ({"transform": "afine"}, ValueError, "transform: .* did you mean 'affine'"),
        ({"shape": (3,)}, ValueError, r"shape: expected \(h, w\)"),
        ({"initial": [1, 0]}, ValueError, r"initial: expected \(6\), got \(2,\)"),
        ({"kernel": "bicubik"}, ValueError, "kernel: .* did you mean 'bicubic'"),
        ({"padding": "edge"}, ValueError, "padding: .* did you mean 'border'"),
        ({"antialias": 1}, TypeError, "antialias: expected True or False"),
        ({"antialias": True, "kernel": "nearest"}, ValueError, "antialias: expected False with kernel='nearest'"),
    ],
)
def test_wrong_options_are_refused_at_once(arguments, error, message):
    with pytest.raises(error, match=message):
        bridge.SpatialTransformer(**{"localisation": nn.Flatten(), **arguments})


def test_its_repr_shows_the_transform():
    assert "Affine(), shape=(3, 4), align_corners=True" in repr(small(shape=(3, 4)))

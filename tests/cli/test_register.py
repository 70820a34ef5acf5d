"""The command `register`: first with a registration that finds what the test says, then with the real one."""

import json

import numpy as np
import pytest
from scipy import ndimage

click_testing = pytest.importorskip("click.testing", reason="click is not installed")
pytest.importorskip("PIL", reason="Pillow is not installed")

import stn_numba  # noqa: E402
from stn_numba.cli import images  # noqa: E402
from stn_numba.cli.main import main  # noqa: E402

SHIFT = [1, 0, 0.25, 0, 1, 0]  # 8 pixels to the right, in an image of 65 pixels
SIZE = 65


class Found:
    """A result with a given theta, as `stn_numba.register` returns it."""

    def __init__(self, theta, success=True):
        self.theta = np.atleast_2d(np.asarray(theta, np.float64))
        many = len(self.theta) > 1
        self.success = np.array([success] * len(self.theta)) if many else success
        self.correlation = np.full(len(self.theta), 0.99) if many else 0.99
        self.detail_correlation = self.correlation
        self.overlap = np.full(len(self.theta), 0.9) if many else 0.9

    def warp(self, image):
        return (
            stn_numba.warp(image[..., None], self.theta)[..., 0]
            if len(self.theta) > 1
            else stn_numba.warp(image, self.theta[0])
        )

    def apply(self, points):
        return stn_numba.get_transform("affine").apply(self.theta, points)


@pytest.fixture
def photo():
    image = ndimage.gaussian_filter(np.random.default_rng(0).random((SIZE, SIZE + 16)), 2)
    return np.interp(image, (image.min(), image.max()), (0, 255)).astype(np.uint8)


@pytest.fixture
def files(photo, tmp_path):
    moving, fixed = photo[:, :SIZE], photo[:, 8 : 8 + SIZE]
    for name, image in (("moving.png", moving), ("fixed.png", fixed)):
        images.write_image(tmp_path / name, np.ascontiguousarray(image))
    return tmp_path / "moving.png", tmp_path / "fixed.png"


@pytest.fixture
def calls(monkeypatch):
    """Let both functions find SHIFT, and return a list of their arguments."""
    seen = []

    def register(moving, fixed, **options):
        seen.append((moving, fixed, options))
        return Found(SHIFT)

    def register_stack(frames, **options):
        seen.append((frames, options))
        return Found([[1, 0, 0.25 * k, 0, 1, 0] for k in range(len(frames))])

    monkeypatch.setattr(stn_numba, "register", register, raising=False)
    monkeypatch.setattr(stn_numba, "register_stack", register_stack, raising=False)
    return seen


def run(*arguments):
    return click_testing.CliRunner().invoke(main, ["register", *map(str, arguments)])


def test_it_prints_how_the_images_fit(files, calls):
    result = run(*files)
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        "affine, correlation 0.9900, overlap 90%",
        "theta 1 0 0.25 0 1 0",
        "pixel (0, 0) of FIXED is at (8.00, 0.00) of MOVING",
        "pixel (64, 0) of FIXED is at (72.00, 0.00) of MOVING",
        "pixel (0, 64) of FIXED is at (8.00, 64.00) of MOVING",
        "pixel (64, 64) of FIXED is at (72.00, 64.00) of MOVING",
    ]
    ((moving, fixed, options),) = calls
    assert moving.dtype == fixed.dtype == np.float32
    np.testing.assert_array_equal(moving, images.read_image(files[0]))
    np.testing.assert_array_equal(fixed, images.read_image(files[1]))
    assert options == {"transform": "affine"}


def test_it_writes_moving_as_it_fits_fixed(files, calls, tmp_path):
    assert run(*files, "--out", tmp_path / "out.png").exit_code == 0
    out, fixed = images.read_image(tmp_path / "out.png"), images.read_image(files[1])
    assert out.dtype == np.uint8
    np.testing.assert_array_equal(out[:, :57], fixed[:, :57])


def test_color_images_are_compared_by_brightness_and_warped_in_color(files, calls, tmp_path, photo):
    color = np.stack([photo, photo // 2, 255 - photo], axis=-1)[:, :SIZE]
    images.write_image(tmp_path / "color.png", color)
    result = run(tmp_path / "color.png", files[1], "--out", tmp_path / "out.png")
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(calls[0][0], images.gray(color))
    np.testing.assert_array_equal(images.read_image(tmp_path / "out.png"), stn_numba.warp(color, SHIFT))


def test_options_reach_the_registration(files, calls):
    names = ("--robust", "tukey", "--normalize", "local", "--kernel", "cubic", "--measure", "squares")
    numbers = ("--penalty", 0.5, "--seed", 3)
    chosen = ("--transform", "tps", "--transform-option", "control_points=[4,4]")
    result = run(*files, *chosen, "--search", *names, *numbers)
    assert result.exit_code == 0, result.output
    assert calls[0][2] == {
        "transform": "tps",
        "options": {"control_points": [4, 4]},
        "search": True,
        "robust": "tukey",
        "normalize": "local",
        "kernel": "cubic",
        "measure": "squares",
        "penalty": 0.5,
        "seed": 3,
    }


def test_masks_are_where_an_image_is_not_zero(files, calls, tmp_path):
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[:, 10:] = 7
    images.write_image(tmp_path / "mask.png", mask)
    assert run(*files, "--fixed-mask", tmp_path / "mask.png").exit_code == 0
    np.testing.assert_array_equal(calls[0][2]["fixed_mask"], mask > 0)
    assert "moving_mask" not in calls[0][2]


def test_json_says_all(files, calls):
    record = json.loads(run(*files, "--json").output)
    assert record["theta"] == SHIFT
    assert record["success"] is True
    assert record["correlation"] == record["detail_correlation"] == 0.99
    np.testing.assert_allclose(record["corners"], [[8, 0], [72, 0], [8, 64], [72, 64]])


def test_a_failure_exits_with_1_and_writes_no_image(files, monkeypatch, tmp_path):
    monkeypatch.setattr(stn_numba, "register", lambda *images, **options: Found(SHIFT, success=False), raising=False)
    result = run(*files, "--out", tmp_path / "out.png", "--figure", tmp_path / "figure.png")
    assert result.exit_code == 1
    assert (
        "Error: registration failed: after the warp the correlation is 0.990, that of details 0.990, and the overlap 90%"
        in result.output
    )
    assert not (tmp_path / "out.png").exists()
    assert (tmp_path / "figure.png").exists()


def test_a_figure_is_drawn(calls, files, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    figure = tmp_path / "figure.png"
    assert run(files[0], files[1], "--figure", figure).exit_code == 0
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_frames_of_a_stack(files, calls, tmp_path):
    frames = np.stack([images.read_image(files[0])] * 3)
    images.write_frames(tmp_path / "stack.tif", frames)
    result = run("--stack", tmp_path / "stack.tif", "--out", tmp_path / "out.tif", "--reference", "previous", "--no-progress")
    assert result.exit_code == 0, result.output
    assert result.output == "translation, 3 frames, 0 failed, lowest correlation 0.9900\n"
    assert calls[0][1] == {"transform": "translation", "reference": "previous", "progress": False}
    out = images.read_frames([tmp_path / "out.tif"])
    np.testing.assert_array_equal(out[0], frames[0])
    np.testing.assert_array_equal(out[1], images.read_image(files[1]) * (np.arange(SIZE) < 57))


def test_several_files_are_a_stack_too(files, calls, tmp_path):
    result = run("--stack", *files, files[0], "--json", "--figure", tmp_path / "figure.png")
    record = json.loads(result.output)
    assert [frame["theta"][2] for frame in record["frames"]] == [0, 0.25, 0.5]
    assert calls[0][0].shape == (3, SIZE, SIZE)
    assert (tmp_path / "figure.png").exists()


def test_failed_frames_are_named(files, monkeypatch, tmp_path):
    def register_stack(frames, **options):
        found = Found([SHIFT] * len(frames))
        found.success[1:] = False
        return found

    monkeypatch.setattr(stn_numba, "register_stack", register_stack, raising=False)
    result = run("--stack", *files, *files, "--out", tmp_path / "out.tif")
    assert result.exit_code == 1
    assert "Error: registration failed for 3 of 4 frames (the first is 0): 1, 2, 3" in result.output
    assert not (tmp_path / "out.tif").exists()


def test_wrong_calls_are_explained_before_any_work(files, calls, tmp_path):
    images.write_image(tmp_path / "mask.png", np.zeros((4, 4), np.uint8))
    for arguments, message in (
        ([files[0]], "expected two files, MOVING and FIXED, got 1; for frames add --stack"),
        ([*files, "--reference", "mean"], "--reference needs --stack"),
        (["--stack", *files, "--fixed-mask", tmp_path / "mask.png"], "--fixed-mask: stacks take no masks"),
        ([*files, "--transform-option", "degree"], "expected NAME=VALUE, such as degree=3, got 'degree'"),
        ([*files, "--out", tmp_path / "out.xyz"], "out: expected a file name with an extension"),
        (["--stack", *files, "--out", tmp_path / "out.png"], "out: expected a file name with an extension such as .tif"),
    ):
        result = run(*arguments)
        assert result.exit_code in (1, 2)
        assert message in " ".join(result.output.split())
    assert calls == []


def test_a_real_pair(files, tmp_path):
    result = run(*files, "--transform", "translation", "--out", tmp_path / "out.png", "--json")
    record = json.loads(result.output)
    assert record["success"] is True
    np.testing.assert_allclose(record["theta"], [0.25, 0], atol=0.002)
    out, fixed = images.read_image(tmp_path / "out.png"), images.read_image(files[1])
    assert np.abs(out[:, :56].astype(float) - fixed[:, :56]).max() <= 4


def test_real_images_that_do_not_agree(files, tmp_path):
    other = ndimage.gaussian_filter(np.random.default_rng(5).random((SIZE, SIZE)), 2)
    images.write_image(tmp_path / "other.png", np.interp(other, (other.min(), other.max()), (0, 255)).astype(np.uint8))
    result = run(tmp_path / "other.png", files[1], "--figure", tmp_path / "figure.png", "--out", tmp_path / "out.png")
    assert result.exit_code == 1
    assert "registration failed" in result.output
    assert (tmp_path / "figure.png").exists()
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("reference", ["first", "previous", "mean"])
def test_a_real_stack(reference, photo, tmp_path):
    frames = np.stack([photo[:, k : k + SIZE] for k in range(5)])
    images.write_frames(tmp_path / "stack.tif", frames)
    named = ("--reference", reference, "--out", tmp_path / "out.tif", "--figure", tmp_path / "figure.png")
    result = run("--stack", tmp_path / "stack.tif", *named, "--json")
    assert result.exit_code == 0, result.output
    shifts = np.array([frame["theta"] for frame in json.loads(result.output)["frames"]]) * (SIZE - 1) / 2
    np.testing.assert_allclose(shifts - shifts[0], [[-k, 0] for k in range(5)], atol=0.1)
    aligned = images.read_frames([tmp_path / "out.tif"])[:, :, 10:-10].astype(float)
    assert np.abs(aligned - aligned[0]).max() <= 15


def test_real_wrong_calls_are_explained(files):
    for arguments, message in (
        (["--transform", "afine"], "did you mean 'affine'"),
        (["--robust", "tukeys"], "robust: expected one of huber, tukey, got 'tukeys'"),
        (["--transform", "bspline", "--transform-option", "control_points=[2,2]"], "control_points"),
    ):
        result = run(*files, *arguments)
        assert result.exit_code == 1
        assert message in result.output

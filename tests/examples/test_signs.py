"""The example of traffic signs, with few images."""

import numpy as np
import pytest

import stn_numba as stn
from tests.examples.scripts import load_script

pytest.importorskip("PIL", reason="Pillow is not installed")
pytest.importorskip("matplotlib", reason="matplotlib is not installed")


@pytest.fixture(scope="module")
def scripts():
    """The two scripts as modules."""
    return load_script("sign_drawing"), load_script("signs")


def test_the_signs_differ(scripts):
    drawing, _ = scripts
    signs = {name: drawing.draw_sign(name) for name in drawing.SIGNS}
    assert len(signs) == 43
    assert len({sign.tobytes() for sign in signs.values()}) == 43
    for sign in signs.values():
        assert sign.shape == (drawing.SIDE, drawing.SIDE, 4)
        assert 0.25 < sign[..., 3].mean() < 0.9
        assert (sign[..., :3] <= sign[..., 3:] + 1e-6).all()


def test_the_folder_is_unbalanced_and_of_mixed_sizes(scripts, tmp_path):
    drawing, _ = scripts
    drawing.draw_signs(tmp_path, 200)
    images = stn.data.folder(tmp_path)
    assert images.n_classes == 43
    assert max(images.counts.values()) > 4 * min(images.counts.values())
    assert len(np.unique(images.sizes, axis=0)) > 50
    assert 20 <= images.sizes.min() <= images.sizes.max() <= 80


def test_a_network_learns_a_few_signs(scripts, tmp_path, capsys):
    drawing, signs = scripts
    rng = np.random.default_rng(0)
    for name, count in (("stop", 60), ("priority", 40), ("keep-left", 20)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(count):
            drawing.draw_scene(drawing.draw_sign(name), rng).save(tmp_path / "data" / name / f"{number}.png")
    error = signs.train_signs(tmp_path / "data", tmp_path, epochs=12, progress=False)
    assert error <= 0.25
    assert "20 to 60 images a class; 96 to train, 24 held out" in capsys.readouterr().out
    model = stn.load(tmp_path / "signs.safetensors")
    assert model.classes == ("keep-left", "priority", "stop")
    X = stn.data.read_images(sorted((tmp_path / "data" / "stop").iterdir()), signs.SIZE)
    assert np.mean(model.predict(X) == 2) > 0.7
    assert (tmp_path / "misread.png").read_bytes().startswith(b"\x89PNG")

"""The number that stands for the sources of all kernels."""

import pytest

from stn_numba.kernels import sources


@pytest.fixture
def package(tmp_path, monkeypatch):
    for name in ("kernels/forward.py", "kernels/jit.py", "kernels/calls.py", "nn/kernels/pooling.py", "nn/conv2d.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n")
    monkeypatch.setattr(sources, "PACKAGE", tmp_path)
    forget()
    yield tmp_path
    forget()


def forget():
    sources.digest.cache_clear()
    sources.file_digest.cache_clear()


def digest():
    forget()
    return sources.digest()


@pytest.mark.parametrize("name", ["kernels/forward.py", "kernels/jit.py", "nn/kernels/pooling.py", "kernels/new.py"])
def test_it_follows_the_sources_of_kernels(package, name):
    before = digest()
    with open(package / name, "a") as file:
        file.write("x = 1\n")
    assert digest() != before


@pytest.mark.parametrize("name", ["kernels/calls.py", "nn/conv2d.py"])
def test_it_does_not_follow_what_makes_no_machine_code(package, name):
    before = digest()
    (package / name).write_text("x = 1\n")
    assert digest() == before


def test_it_has_sixteen_digits():
    assert len(sources.digest()) == 16
    assert set(sources.digest()) <= set("0123456789abcdef")


def test_the_files_that_do_not_count_are_there():
    assert all((sources.PACKAGE / "kernels" / name).is_file() for name in sources._NO_KERNELS)

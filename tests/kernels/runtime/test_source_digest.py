"""The digest of the sources of all kernels."""

import pytest

from stn_numba.kernels.runtime import source_digest


@pytest.fixture
def package(tmp_path, monkeypatch):
    for name in (
        "kernels/sampling/forward.py",
        "kernels/compiler/jit.py",
        "kernels/runtime/calls.py",
        "nn/kernels/pooling.py",
        "nn/layers/conv2d.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n")
    monkeypatch.setattr(source_digest, "PACKAGE", tmp_path)
    forget()
    yield tmp_path
    forget()


def forget():
    source_digest.digest.cache_clear()
    source_digest.file_digest.cache_clear()


def digest():
    forget()
    return source_digest.digest()


@pytest.mark.parametrize(
    "name", ["kernels/sampling/forward.py", "kernels/compiler/jit.py", "nn/kernels/pooling.py", "kernels/new.py"]
)
def test_the_digest_changes_with_every_kernel_source(package, name):
    before = digest()
    with open(package / name, "a") as file:
        file.write("x = 1\n")
    assert digest() != before


@pytest.mark.parametrize("name", ["kernels/runtime/calls.py", "nn/layers/conv2d.py"])
def test_the_digest_ignores_files_without_kernels(package, name):
    before = digest()
    (package / name).write_text("x = 1\n")
    assert digest() == before


def test_the_digest_has_16_hexadecimal_digits():
    assert len(source_digest.digest()) == 16
    assert set(source_digest.digest()) <= set("0123456789abcdef")


def test_the_folders_of_kernels_exist():
    for folder in ("kernels/runtime", "kernels/sampling", "kernels/simd", "nn/kernels"):
        assert any((source_digest.PACKAGE / folder).glob("*.py"))

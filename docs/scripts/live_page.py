"""Build the live page: ``make live``. Needs onnx, and npm for the first build.

The folder then holds all that the page needs: serve it with any web server, as ``python -m http.server --directory FOLDER``.
Browsers do not run it from a file.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import stn_numba as stn
from stn_numba._util.files import write_atomically
from stn_numba.onnx import export_warp

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "docs" / "live"
SITE_FILES = ROOT / "build" / "live"  # what the documentation site copies into its root
PICTURE = (160, 160, 3)  # SIDE in scripts/pictures.js

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
CACHE = ROOT / "build" / PACKAGE
# The build with one execution provider, that of CPUs: a third of the size of the others
MODULE, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
HASHES = {
    MODULE: "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    WASM: "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}


class MissingRuntimeError(RuntimeError):
    """ONNX Runtime Web is neither in the cache nor to be had from npm."""


def build(out: Path, cache: Path = CACHE) -> None:
    """Write the page into a folder.

    Parameters
    ----------
    out : path
        The folder, which is created; files of an earlier build are replaced.
    cache : path, default build/onnxruntime-web
        Where ONNX Runtime Web is kept between builds.

    Raises
    ------
    ImportError
        If onnx is not installed.
    MissingRuntimeError
        If ONNX Runtime Web is not in the cache, and npm is missing or fails.
    """
    module, wasm = fetch_runtime(cache)
    out.mkdir(parents=True, exist_ok=True)
    for name in ("index.html", "style.css", "digits.json"):
        shutil.copy(SOURCES / name, out / name)
    shutil.copytree(SOURCES / "scripts", out / "scripts", dirs_exist_ok=True)
    export_models(out)
    vendor(module, wasm, out / "runtime")


def export_models(out: Path) -> None:
    """Write the network and the warp as ONNX files."""
    model = stn.load(SOURCES / "digits.safetensors")
    stn.export_onnx(model, out / "digits.onnx", probabilities=True, transformed=True)
    export_warp(out / "warp.onnx", PICTURE, "affine")


def vendor(module: Path, wasm: Path, folder: Path) -> None:
    """Copy ONNX Runtime Web. The page unpacks the WebAssembly itself, since many servers send files as they are."""
    folder.mkdir(exist_ok=True)
    shutil.copy(module, folder / module.name)
    (folder / "ort.wasm.gzip").write_bytes(gzip.compress(wasm.read_bytes(), 9, mtime=0))


def fetch_runtime(cache: Path) -> tuple[Path, Path]:
    """Return the two files of ONNX Runtime Web, after npm fetched them if the cache has not got them."""
    module, wasm = paths = cache / VERSION / MODULE, cache / VERSION / WASM
    if not all(path.is_file() for path in paths):
        _fetch(cache / VERSION)
    for path in paths:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != HASHES[path.name]:
            raise MissingRuntimeError(f"{path}: expected SHA-256 {HASHES[path.name]}, got {digest}; delete it to try again")
    return module, wasm


def _fetch(folder: Path) -> None:
    """Take the two files from the package as npm packs it. Several processes may do so at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        _pack(Path(scratch))
        with tarfile.open(Path(scratch) / f"{PACKAGE}-{VERSION}.tgz") as archive:
            for name in HASHES:
                found = archive.extractfile(f"package/dist/{name}")
                assert found is not None
                write_atomically(folder / name, found.read())


def _pack(folder: Path) -> None:
    command = ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=600)
    except FileNotFoundError as error:
        raise MissingRuntimeError(f"npm is not installed, which fetches {PACKAGE} {VERSION} for the live page") from error
    except subprocess.SubprocessError as error:
        said = (getattr(error, "stderr", None) or str(error)).strip()
        raise MissingRuntimeError(f"npm could not fetch {PACKAGE} {VERSION}: {said}") from error


def main() -> None:
    """Build the page, and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=SITE_FILES / "live")
    out = parser.parse_args().out
    build(out)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{out}  {size:,} bytes")


if __name__ == "__main__":
    main()

"""The build of the live page: its files, and what is said when ONNX Runtime Web cannot be had."""

import json
import re

import pytest

import stn_numba as stn
from tests.live.scripts import live_page

HASHES, SOURCES, VERSION = live_page.HASHES, live_page.SOURCES, live_page.VERSION

IMPORTS = re.compile(r'(?:from|src=|href=)\s*"([^":#]+)"')


def test_files_name_files_that_exist(built):
    pages = [built / "index.html", *(built / "scripts").glob("*.js")]
    named = [(page.parent / name).resolve() for page in pages for name in IMPORTS.findall(page.read_text(encoding="utf-8"))]
    missing = [path for path in named if not path.is_file()]
    assert missing == [built.parent / "index.html"]  # the documentation, which the page is put into
    assert len(named) > 20


def test_the_page_is_a_few_megabytes(built):
    assert sum(path.stat().st_size for path in built.rglob("*") if path.is_file()) < 6e6


def test_sources_name_no_other_servers():
    for path in (SOURCES / "index.html", SOURCES / "style.css", *(SOURCES / "scripts").glob("*.js")):
        addresses = re.findall(r"https?://[^\s\"'`]+", path.read_text(encoding="utf-8"))
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}, path


def test_figures_belong_to_the_model():
    about, model = json.loads((SOURCES / "digits.json").read_text()), stn.load(SOURCES / "digits.safetensors")
    assert about["parameters"] == model.n_params
    assert about["scenes"]["canvas"] == list(model.input_shape[:2])
    assert [sample["label"] for sample in about["samples"]] == [label for label in range(10) for _ in range(2)]
    assert 0 < about["error_by_pieces"]["0"] < about["error_by_pieces"]["6"] < 0.05


def test_without_npm_the_error_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(live_page.MissingRuntimeError, match=f"npm is not installed, which fetches onnxruntime-web {VERSION}"):
        live_page.fetch_runtime(tmp_path / "cache")


def test_an_error_of_npm_is_repeated(tmp_path, monkeypatch):
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho no network >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(live_page.MissingRuntimeError, match="npm could not fetch onnxruntime-web .*: no network"):
        live_page.fetch_runtime(tmp_path / "cache")


def test_other_files_than_those_of_the_release_are_refused(tmp_path):
    (tmp_path / VERSION).mkdir()
    for name in HASHES:
        (tmp_path / VERSION / name).write_text("something else")
    with pytest.raises(live_page.MissingRuntimeError, match=r"ort\.wasm\.bundle\.min\.mjs: expected SHA-256 .* delete it"):
        live_page.fetch_runtime(tmp_path)

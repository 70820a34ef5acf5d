"""TBB installed by pip, in a folder where neither the loader nor Numba looks."""

from stn_numba.kernels.runtime import threading_layer


def install(folder, files):
    info = folder / "lib/site-packages/tbb-9.9.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tbb\nVersion: 9.9\n")
    (info / "RECORD").write_text("".join(f"../../lib/{name},,\n" for name in files))
    return str(info.parent)


def test_tbb_of_the_package_is_found(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(install(tmp_path, ["libtbbmalloc.so.2", "libtbb.so.12"]))
    assert threading_layer.find_tbb() is None  # listed, but not there
    library = tmp_path / "lib/libtbb.so.12"
    library.write_bytes(b"no library")
    assert threading_layer.find_tbb() == library
    threading_layer.load_tbb()  # a file that cannot be loaded is ignored


def test_without_the_package_no_tbb_is_found(monkeypatch):
    def missing(name):
        raise threading_layer.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(threading_layer.importlib.metadata, "distribution", missing)
    assert threading_layer.find_tbb() is None

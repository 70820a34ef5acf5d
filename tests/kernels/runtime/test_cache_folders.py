"""The folders where compiled kernels are kept; read-only ones are simulated, since root can write everywhere."""

import os
import stat
from pathlib import Path

import pytest

from stn_numba.kernels.runtime import cache_folders

KEY = "kernels-0123456789abcdef"


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """A package, a home and a folder for temporary files, and no settings."""
    for name in ("STN_NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("package", "home", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(cache_folders, "PACKAGE", tmp_path / "package")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cache_folders.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    monkeypatch.setattr(cache_folders.sys, "platform", "linux")
    return tmp_path


@pytest.fixture
def refuse(monkeypatch):
    """refuse(*folders) makes these folders read-only."""

    def make(*folders):
        def refusing(function, path_of):
            def wrapped(*args, **kwargs):
                if any(Path(path_of(*args, **kwargs)).is_relative_to(folder) for folder in folders):
                    raise OSError(30, "Read-only file system")
                return function(*args, **kwargs)

            return wrapped

        monkeypatch.setattr(Path, "mkdir", refusing(Path.mkdir, lambda path, *_, **__: path))
        file = cache_folders.tempfile.TemporaryFile
        monkeypatch.setattr(cache_folders.tempfile, "TemporaryFile", refusing(file, lambda dir: dir))

    return make


def user():
    return f"stn-numba-{os.geteuid()}"


def test_the_first_choice_is_beside_the_package(machine):
    found = cache_folders.find("", KEY)
    assert found.write == machine / "package/__pycache__/kernels" / KEY
    assert found.read == (found.write,)
    assert found.why == "beside the package"


def test_a_read_only_install_falls_back_to_the_user_s_cache(machine, refuse):
    refuse(machine / "package")
    found = cache_folders.find("", KEY)
    assert found.write == machine / "home/.cache/stn-numba" / KEY
    assert stat.S_IMODE(found.write.parent.stat().st_mode) == 0o700


def test_kernels_in_a_read_only_install_are_still_read(machine, refuse):
    own = machine / "package/__pycache__/kernels" / KEY
    own.mkdir(parents=True)
    refuse(machine / "package")
    found = cache_folders.find("", KEY)
    assert found.read == (own, machine / "home/.cache/stn-numba" / KEY)
    refuse(machine)
    found = cache_folders.find("", KEY)
    assert (found.read[0], found.write, found.why) == (own, None, "read-only")


@pytest.mark.parametrize("home", ["missing", "relative"])
def test_without_a_home_a_private_temporary_folder_is_used(machine, refuse, monkeypatch, home):
    refuse(machine / "package", machine / "home")
    if home == "relative":
        monkeypatch.setattr(cache_folders.os.path, "expanduser", lambda path: path)  # no HOME, and no entry for the user
    found = cache_folders.find("", KEY)
    assert found.write == machine / "temporary" / user() / KEY
    assert stat.S_IMODE(found.write.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("trap", ["others may write", "a link", "another's"])
def test_a_prepared_temporary_folder_is_not_trusted(machine, refuse, monkeypatch, trap):
    refuse(machine / "package", machine / "home")
    folder = machine / "temporary" / user()
    if trap == "a link":
        (machine / "elsewhere").mkdir()
        folder.symlink_to(machine / "elsewhere")
    else:
        folder.mkdir()
        folder.chmod(0o777 if trap == "others may write" else 0o700)
    (folder / KEY).mkdir()
    if trap == "another's":
        monkeypatch.setattr(cache_folders.os, "geteuid", lambda: folder.stat().st_uid + 1)
        folder.rename(machine / "temporary" / user())
    found = cache_folders.find("", KEY)
    assert (found.read, found.write) == ((), None)
    assert found.why.startswith("no folder can be written to (")


def test_settings_win_and_no_other_folder_is_touched(machine, monkeypatch):
    assert cache_folders.find(str(machine / "numba"), KEY).write == machine / "numba/stn_numba" / KEY
    monkeypatch.setenv("STN_NUMBA_CACHE_DIR", str(machine / "mine"))
    found = cache_folders.find(str(machine / "numba"), KEY)
    assert (found.write, found.why) == (machine / "mine" / KEY, "set by STN_NUMBA_CACHE_DIR")
    assert not any((machine / "package").iterdir())


def test_a_read_only_folder_from_the_settings_is_reported(machine, monkeypatch, refuse):
    monkeypatch.setenv("STN_NUMBA_CACHE_DIR", str(machine / "mine"))
    refuse(machine)
    assert cache_folders.find("", KEY) == cache_folders.CacheFolders(
        (), None, f"no folder can be written to ({machine / 'mine'})"
    )


@pytest.mark.parametrize("word", ["off", "OFF", " off "])
def test_the_setting_off_turns_the_cache_off(monkeypatch, word):
    monkeypatch.setenv("STN_NUMBA_CACHE_DIR", word)
    assert cache_folders.find("/anywhere", KEY) == cache_folders.CacheFolders((), None, "turned off by STN_NUMBA_CACHE_DIR")

"""Which files are images of which class, and what is refused by name."""

import warnings

import pytest

from stn_numba.data.images.discover import find_images


def make(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.write_bytes(b"")
    return root


def test_classes_are_sorted_subfolders_and_hidden_files_are_ignored(tmp_path):
    make(tmp_path, "b/2.PNG", "b/1.jpeg", "a/x.ppm", "a/.hidden.png", ".git/x.png", ".note", "a/Thumbs.db")
    found = find_images(tmp_path)
    assert found.classes == ("a", "b")
    assert [path.name for path in found.paths] == ["x.ppm", "1.jpeg", "2.PNG"]
    assert found.label_array().tolist() == [0, 1, 1]


def test_other_files_are_named_once(tmp_path):
    make(tmp_path, "a/1.png", "a/GT.csv", "b/1.png", "loose.png", "README.txt", "b/deep/2.png")
    with pytest.warns(RuntimeWarning, match=r"3 files are left out.*loose\.png, a/GT\.csv, b/deep") as caught:
        assert len(find_images(tmp_path).paths) == 2
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "expected one subfolder a class, got none$"),
        (("1.png", "2.png"), "expected one subfolder a class, got none but 2 images"),
        (("a/1.png", "b/"), "class folder .*b: expected images .*got an empty folder"),
        (("a/1.png", "b/1.txt"), "class folder .*b: expected images .*got other files: 1.txt"),
        (("train/a/1.png", "train/b/1.png"), "got 2 subfolders: if these are the classes, pass .*train"),
    ],
)
def test_folders_without_classes_or_images_are_refused(tmp_path, names, message):
    with pytest.raises(ValueError, match=message):
        find_images(make(tmp_path, *names))


def test_a_missing_folder_and_a_file_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="none: expected a folder"):
        find_images(tmp_path / "none")
    make(tmp_path, "file")
    with pytest.raises(NotADirectoryError, match="file: expected a folder"):
        find_images(tmp_path / "file")


def test_known_classes_keep_their_numbers(tmp_path):
    make(tmp_path, "b/1.png", "c/")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = find_images(tmp_path, ["c", "b", "a"])
    assert found.classes == ("c", "b", "a")
    assert found.label_array().tolist() == [1]
    with pytest.raises(ValueError, match="the 1 known classes, got also c"):
        find_images(tmp_path, ["b"])
    for wrong in ("ab", ["a", "a"]):
        with pytest.raises(ValueError, match="classes: expected a list of different names"):
            find_images(tmp_path, wrong)

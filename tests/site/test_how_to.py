"""The how-to pages: the code of another library and ours give the same result, where that library is installed."""

import doctest
import importlib
import re

import numpy as np
import pytest

from tests.source_tree import needs_sources

from .pages import DOCS

pytestmark = needs_sources

PAGES = sorted(path for path in (DOCS / "how-to").glob("*.md") if path.stem != "index")
LIBRARIES = {  # names that their code uses, and what they are imported from
    "cv2": "cv2",
    "torch": "torch",
    "F": "torch.nn.functional",
    "ndimage": "scipy.ndimage",
    "interpolate": "scipy.interpolate",
    "skimage": "skimage.transform",
    "skimage.registration": "skimage.registration",
    "kornia": "kornia",
    "Image": "PIL.Image",
    "sitk": "SimpleITK",
    "torchvision": "torchvision",
}
CODE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
WITHIN = re.compile(r"^theirs = .*# within (\S+)$", re.MULTILINE)


def sections(page):
    """{heading: (code of another library, our code)} of a page, and the code at its top."""
    top, *parts = re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = {}
    for part in parts:
        theirs = [code for code in CODE.findall(part) if not code.startswith(">>>")]
        ours = [code for code in CODE.findall(part) if code.startswith(">>>")]
        found[part.splitlines()[0]] = "\n".join(theirs), "\n".join(ours)
    return "\n".join(CODE.findall(top)), found


CASES = [(page.stem, heading) for page in PAGES for heading in sections(page)[1]]


def run_examples(code, names):
    """Run the examples of a page in `names`, which keep what they define."""
    test = doctest.DocTestParser().get_doctest(code, {}, "page", "page", 0)
    test.globs = names
    report = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=report.append, clear_globs=False)
    assert not report, "".join(report)


def import_libraries(code):
    """The libraries that code uses, by the names that it has for them."""
    used = {name: module for name, module in LIBRARIES.items() if re.search(rf"(?<![\w.]){re.escape(name)}\.", code)}
    modules = {name: pytest.importorskip(module) for name, module in used.items()}
    return {name: importlib.import_module(name) if name in ("skimage", "torch") else modules[name] for name in modules}


@pytest.mark.filterwarnings("default")  # those of the other libraries
@pytest.mark.parametrize(("page", "heading"), CASES)
def test_both_libraries_give_the_same(page, heading):
    top, found = sections(DOCS / "how-to" / f"{page}.md")
    theirs, ours = found[heading]
    names = {}
    run_examples(top + "\n" + ours, names)
    if not theirs:
        return
    libraries = import_libraries(theirs)
    exec(theirs, names | libraries, names)
    (within,) = WITHIN.findall(theirs)
    np.testing.assert_allclose(names["ours"], np.asarray(names["theirs"]), rtol=0, atol=float(within))


def test_every_page_compares_with_another_library():
    assert [page.stem for page in PAGES if not any(theirs for theirs, _ in sections(page)[1].values())] == []


def test_the_index_leads_to_every_section():
    index = (DOCS / "how-to" / "index.md").read_text(encoding="utf-8")
    anchors = [f"{page}.md#{re.sub(r'[^a-z0-9_ -]', '', heading.lower()).replace(' ', '-')}" for page, heading in CASES]
    assert [anchor for anchor in anchors if f"({anchor})" not in index] == []

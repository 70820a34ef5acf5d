"""Settings of the documentation site: ``make docs``, output in build/docs.

Why pydata-sphinx-theme: it is the theme of NumPy, SciPy, scikit-learn and scikit-image, whose users this library serves, and it
brings search, dark mode, phone layout and its fonts in one package that needs no network.

The build reads nothing from the network: references to other projects are plain text, not downloads of their inventories.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent / "extensions")]
os.environ.setdefault("NUMEXPR_MAX_THREADS", "2")

import stn_numba  # noqa: E402

project = "stn-numba"
author = copyright = "stn-numba developers"
version = release = stn_numba.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "repository_links",
    "public_names",
]
exclude_patterns = ["scripts", "extensions", "gallery", "live"]
templates_path = ["_templates"]
nitpicky = True  # with -W, a reference that leads nowhere fails the build
suppress_warnings = ["config.cache"]

# Pages are the Markdown files that also read well on the repository's host, whose anchors of headings they use.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

# Signatures without types: docstrings have them, with shapes and ranges.
default_role = "autolink"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_mock_imports = [] if importlib.util.find_spec("torch") else ["torch"]
toc_object_entries_show_parents = "hide"  # the list of a page's methods is narrow
autosummary_generate_overwrite = True
autosummary_filename_map = {"stn_numba.data.Resize": "stn_numba.data.Resize-class"}  # file systems that ignore case
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "abort_on_example_error": True,
    "only_warn_on_example_error": False,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1_000,
    "reference_url": {"stn_numba": None},
    "doc_module": ("stn_numba",),
    "backreferences_dir": None,
    "within_subsection_order": "FileNameSortKey",
    "remove_config_comments": True,
    "write_computation_times": False,  # that page loads scripts from the network
}

html_theme = "pydata_sphinx_theme"
html_title = f"stn-numba {version}"
html_static_path = ["_static"]
html_favicon = html_logo = "_static/logo.svg"
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system
html_css_files = ["site.css"]
LIVE = Path(__file__).parents[1] / "build" / "live"  # live/index.html and its files, if they were built before
html_extra_path = [str(LIVE)] if LIVE.exists() else []
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "stn-numba"},
    "show_prev_next": False,
    "navbar_align": "left",
    "navbar_end": [*(["live"] if LIVE.exists() else []), "theme-switcher"],
    "header_links_before_dropdown": 7,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["version"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "back_to_top_button": True,
}
html_sidebars = {"index": []}

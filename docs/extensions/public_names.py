"""How the names of docstrings are shown and linked."""

from __future__ import annotations

import re
from typing import Any

from docutils.nodes import Element, Node
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

OTHER_PROJECTS = re.compile(r"(numpy|np|scipy|torch|sklearn|PIL|concurrent|logging|collections|typing|pathlib|matplotlib)\.")


def public_bases(app: Sphinx, name: str, item: object, options: object, bases: list[Any]) -> None:
    """Keep the bases that a reader can look up: those of this library whose names are public."""
    bases[:] = [base for base in bases if base.__module__.startswith("stn_") and not base.__name__.startswith("_")]


def skip_foreign_members(app: Sphinx, kind: str, name: str, member: object, skip: bool, options: object) -> bool | None:
    """Leave out the methods that scikit-learn adds to every estimator for the routing of metadata."""
    return True if re.fullmatch(r"set_\w+_request", name) else None


def short_name(app: Sphinx, env: BuildEnvironment, node: Element, content: Node) -> Node | None:
    """Link a short name, as ``fit`` or ``Transform.apply``, to the public name that ends with it.

    A name of this library in full that is not in the reference stays an error. Other short names are those of arguments and
    attributes, which have no entry of their own, and other projects' names are plain text, since the build downloads nothing.
    """
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py":
        return None
    if OTHER_PROJECTS.match(target):
        return content
    domain = env.domains.python_domain
    found = sorted((name for name in domain.objects if name.endswith(f".{target}")), key=lambda name: (name.count("."), name))
    if found:
        node["reftarget"] = found[0]
        return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", found[0], node, content)
    return None if target.startswith(("stn_numba", "stn_transforms")) else content


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the events of Sphinx."""
    app.connect("autodoc-process-bases", public_bases)
    app.connect("autodoc-skip-member", skip_foreign_members)
    app.connect("missing-reference", short_name)
    return {"parallel_read_safe": True}

"""What these pages need of Sphinx beyond its own extensions."""

import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer

PACKAGE = "nango_client"


class FigureSvg(Directive):
    """``{figure-svg} FILE`` puts an SVG into the page itself, where it takes the page's colours."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Read the file."""
        settings = self.state.document.settings
        file = Path(settings.env.doc2path(settings.env.docname)).parent / self.arguments[0]
        settings.env.note_dependency(str(file.resolve()))
        svg = file.read_text(encoding="utf-8")
        return [nodes.raw("", f'<figure class="drawing">{svg}</figure>', format="html")]


def collect_field_docs(_app: Sphinx) -> None:
    """Tell autodoc what stands below the fields of our classes.

    It looks for that in the module that a class names as its own. Ours name the package, so that
    tracebacks say ``nango_client.NotFoundError``, and stand in modules below it.
    """
    home = ModuleAnalyzer.for_module(PACKAGE)
    home.analyze()
    package = importlib.import_module(PACKAGE)
    for found in pkgutil.walk_packages(package.__path__, f"{PACKAGE}."):
        if found.name.endswith("__main__"):
            continue
        module = ModuleAnalyzer.for_module(found.name)
        module.analyze()
        home.attr_docs.update(module.attr_docs)
        home.tagorder.update(module.tagorder)


def resolve_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> Any:
    """Lead from the module that a class stands in to the page of its public name."""
    target = str(node.get("reftarget"))
    if node.get("refdomain") != "py" or not target.startswith(PACKAGE):
        return None
    name = target.rpartition(".")[2]
    for home in (PACKAGE, f"{PACKAGE}.testing"):
        found = env.get_domain("py").resolve_any_xref(
            env, node["refdoc"], app.builder, f"{home}.{name}", node, content
        )
        if found:
            return found[0][1]
    return None


def show_default_policy(
    app: Sphinx,
    _what: str,
    name: str,
    _found: object,
    _options: object,
    signature: str,
    result: str,
) -> tuple[str, str] | None:
    """Hide the marker that stands for an argument left out."""
    annotations = app.env.current_document.autodoc_annotations.get(name, {})
    for parameter, annotation in annotations.items():
        annotations[parameter] = re.sub(r" \| \S*_Default\b", "", annotation)
    if signature and "_Default.POLICY" in signature:
        return signature.replace("_Default.POLICY", "CachePolicy()"), result
    return None


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all that with Sphinx."""
    app.add_directive("figure-svg", FigureSvg)
    app.connect("builder-inited", collect_field_docs)
    app.connect("autodoc-process-signature", show_default_policy, priority=900)
    app.connect("missing-reference", resolve_public_name)
    return {"parallel_read_safe": True}

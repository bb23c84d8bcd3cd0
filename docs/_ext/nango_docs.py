"""What these pages need of Sphinx beyond its own extensions."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import Any

import attrs
from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx import addnodes
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
    for home in (PACKAGE, f"{PACKAGE}.testing", f"{PACKAGE}.webhooks"):
        found = env.get_domain("py").resolve_any_xref(
            env, node["refdoc"], app.builder, f"{home}.{name}", node, content
        )
        if found:
            return found[0][1]
    return None


def tidy_signature(
    _app: Sphinx,
    what: str,
    _name: str,
    found: object,
    _options: object,
    signature: str | None,
    result: str | None,
) -> tuple[str, str | None] | None:
    """Show what readers type, and none of our markers and placeholders."""
    if not signature:
        return None
    if what == "exception" and "__init__" not in vars(found):
        # Errors are caught rather than made, and most take what their base does.
        return "", None
    if what == "class" and getattr(found, "_is_protocol", False):
        return "", None
    if attrs.has(found):
        # The types stand beside the fields.
        plain = inspect.signature(found)
        fields = [each.replace(annotation=each.empty) for each in plain.parameters.values()]
        signature = str(plain.replace(parameters=fields, return_annotation=plain.empty))
    for ugly, shown in _SHOWN.items():
        signature = re.sub(ugly, shown, signature)
    return signature, result


def show_namespace(_app: Sphinx, domain: str, kind: str, content: nodes.Element) -> None:
    """Show the class of a namespace as what users type, such as ``client.records``."""
    if domain != "py" or kind != "class" or content.parent is None:
        return
    for signature in content.parent.findall(addnodes.desc_signature):
        if str(signature.get("module", "")).startswith(f"{PACKAGE}._resources."):
            attribute = str(signature["module"]).rpartition(".")[2]
            signature.children = [
                addnodes.desc_addname("", "client."),
                addnodes.desc_name("", attribute),
            ]
            return


_SHOWN = {
    r" \| [~\w.]*_Default\b": "",
    r"[~\w.]*_Default\.POLICY\b": "CachePolicy()",
    r"mappingproxy\(\{\}\)": "{}",
    # A default that is worked out from the other fields.
    r"\bNOTHING\b": "...",
}


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all that with Sphinx."""
    app.add_directive("figure-svg", FigureSvg)
    app.connect("builder-inited", collect_field_docs)
    app.connect("autodoc-process-signature", tidy_signature, priority=900)
    app.connect("missing-reference", resolve_public_name)
    app.connect("object-description-transform", show_namespace)
    return {"parallel_read_safe": True}

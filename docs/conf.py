"""Settings of Sphinx. The build reads nothing from the network."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "nango-client"
author = "the nango_client authors"
copyright = "2026, the nango_client authors"
release = version = version_of("nango-client")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "nango_docs"]
exclude_patterns = ["_build", "_ext"]

html_theme = "furo"
html_title = f"nango-client {version}"
html_static_path = ["_static"]
html_css_files = ["nango.css"]
html_extra_path = ["llms.txt"]
html_show_sourcelink = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# A name in single backticks, in docstrings, is a link where it is one of ours and code elsewhere.
default_role = "code"
autodoc_member_order = "bysource"
# Types stand in the signatures, one argument a line where one line is too short.
autodoc_typehints = "signature"
python_maximum_signature_line_length = 64

# Only our own public names have to lead somewhere: there are no inventories of others.
nitpick_ignore_regex = [("py:.*", r"(?!nango_client\b).*|.*\._.*")]

"""Sphinx settings; the build needs no network and treats warnings as errors (`make docs`)."""

from sphinx.highlighting import lexer_classes

from tapiary import __version__

project = "Tapiary"
author = "the Tapiary authors"
project_copyright = "the Tapiary authors"
version = release = __version__
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
# GitHub draws these; the pages, which load nothing from elsewhere, show their text.
lexer_classes["mermaid"] = lexer_classes["none"]
html_theme = "furo"
html_title = f"Tapiary {__version__}"
html_copy_source = False

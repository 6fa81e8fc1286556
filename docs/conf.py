# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""How Sphinx makes HTML of docs/: "make html", into build/html.

Pages are Markdown and can be read as they are.  Nothing is generated into
this folder: schema.md is completed here when it is read, and pictures are
drawn on the way, from pictures/*.dot and, of the modules, from the sources.
"""

import os
import posixpath
import sys

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.ext.graphviz import Graphviz

sys.path.insert(0, os.path.abspath(os.path.dirname(__file__)))
sys.dont_write_bytecode = True

import parts                    # noqa: E402  The path must be set first.
import schema                   # noqa: E402

project = "Kakehashi"
author = "The Kakehashi Authors"
copyright = "2026 The Kakehashi Authors"    # noqa: A001  Sphinx's name.

extensions = ["myst_parser", "sphinx.ext.graphviz"]
myst_heading_anchors = 4
graphviz_output_format = "svg"
highlight_language = "none"     # Indented blocks are shell, tables, drawings.

html_theme = "furo"
html_title = "Kakehashi"
html_show_sphinx = False
html_copy_source = False

# Pages that stand for files outside of docs/, by where these are from there;
# the last one is what README.md, which index.md includes, calls it.
OUTSIDE = {"../README.md": "index", "../ovs-patches/README.md": "ovs-patches",
           "ovs-patches/README.md": "ovs-patches"}


class Parts(Graphviz):
    """The drawing of modules, made of the sources as they are."""

    def run(self):
        for path in parts.sources():
            self.env.note_dependency(os.path.join(parts.ROOT, path))
        self.content = StringList(parts.drawing().splitlines(), "parts.py")
        return super().run()


def complete(app, docname, source):
    """Add to the page "schema" what the schema says."""
    if docname == "schema":
        app.env.note_dependency(schema.SCHEMA)
        source[0] += "\n" + schema.page()


def find_outside(app, env, node, content):
    """The page that a link to a file outside of docs/ leads to."""
    refdoc = node["refdoc"]
    target = posixpath.normpath(posixpath.join(
        posixpath.dirname(refdoc), node.get("reftarget", "")))
    if target not in OUTSIDE:
        return None
    uri = app.builder.get_relative_uri(refdoc, OUTSIDE[target])
    return nodes.reference("", "", content, internal=True, refuri=uri)


def setup(app):
    app.add_directive("parts", Parts)
    app.connect("source-read", complete)
    app.connect("missing-reference", find_outside)

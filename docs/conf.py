# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""How Sphinx makes HTML of docs/: "make html", into build/html.

Pages are Markdown and can be read as they are.  Nothing is generated into
this folder: schema.md is completed here when it is read, and pictures are
drawn from pictures/*.dot on the way.
"""

import os
import sys

sys.path.insert(0, os.path.abspath(os.path.dirname(__file__)))
sys.dont_write_bytecode = True

import schema                   # noqa: E402  The path must be set first.

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

# Pages that stand for files outside of docs/.
OUTSIDE = {"../README": "index", "ovs-patches/README": "ovs-patches",
           "../ovs-patches/README": "ovs-patches"}


def complete(app, docname, source):
    """Add to the page "schema" what the schema says."""
    if docname == "schema":
        app.env.note_dependency(schema.SCHEMA)
        source[0] += "\n" + schema.page()


def find_outside(app, env, node, content):
    """The page that a link to a file outside of docs/ leads to."""
    target = os.path.splitext(node.get("reftarget", ""))[0]
    if target not in OUTSIDE:
        return None
    return app.builder and _link(app, node, content, OUTSIDE[target])


def _link(app, node, content, page):
    from docutils import nodes
    uri = app.builder.get_relative_uri(node["refdoc"], page)
    return nodes.reference("", "", content, internal=True, refuri=uri)


def setup(app):
    app.connect("source-read", complete)
    app.connect("missing-reference", find_outside)

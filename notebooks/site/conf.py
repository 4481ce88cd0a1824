"""The documentation: notebooks, pages, docstrings, tables and commands, as one site."""

import argparse
import os
from pathlib import Path

from mebias import provenance, schemas
from mebias.cli.parser import make_parser

project = "mebias"
author = "The mebias authors"
release = provenance.version()
extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "myst_nb"]
exclude_patterns = ["**.ipynb_checkpoints", "README.md"]
root_doc = "index"
html_theme = "furo"
html_title = "mebias"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_copyright = False
default_role = "py:obj"
numpydoc_show_class_members = False
autodoc_typehints = "none"
autosummary_generate = False
myst_heading_anchors = 3
nb_execution_mode = os.environ.get("MEBIAS_DOCS_EXECUTE", "cache")
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_merge_streams = True
suppress_warnings = ["mystnb.unknown_mime_type"]
os.environ.setdefault("MEBIAS_FAST", "1")  # MEBIAS_FAST=0 runs the notebooks in full


def setup(app):
    """Write what is taken from the code itself before pages are read."""
    app.connect("builder-inited", _generate)


def _generate(app):
    folder = Path(app.srcdir) / "site" / "generated"
    folder.mkdir(exist_ok=True)
    _write(folder / "tables.md", _tables())
    _write(folder / "commands.md", _commands())


def _write(path, text):
    """Write only what changed, so that nothing is built anew in vain."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


_DEFAULTS = {"None": "required", "": "empty", "nan": "missing"}


def _tables():
    parts = [
        "# Tables\n\nEach stage takes and returns one of these; a column with a default may be "
        "left out of a table of your own.\n"
    ]
    for name, columns in schemas.SCHEMAS.items():
        parts.append(f"## {name}\n\n| column | kind | meaning | default |\n|---|---|---|---|")
        for column, spec in columns.items():
            default = _DEFAULTS.get(str(spec.default), f"`{spec.default}`")
            parts.append(f"| `{column}` | {spec.kind} | {spec.meaning} | {default} |")
        parts.append("")
    return "\n".join(parts)


def _commands():
    parser = make_parser()
    parts = ["# Commands\n", f"```text\n{parser.format_help()}```\n"]
    parts += [f"## {name}\n\n```text\n{text}```\n" for name, text in _helps(parser, "")]
    return "\n".join(parts)


def _helps(parser, before):
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        for name, command in action.choices.items():
            yield f"{before}{name}", command.format_help()
            yield from _helps(command, f"{before}{name} ")

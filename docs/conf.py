"""Sphinx: Markdown pages, furo's theme, a copy button."""

from importlib.metadata import version as distribution_version

project = "exec_plugin"
author = "The exec_plugin authors"
copyright = "The exec_plugin authors"  # noqa: A001 - Sphinx reads this name
release = version = distribution_version("exec-plugin")

extensions = ["myst_parser", "sphinx_copybutton"]
exclude_patterns = ["_build", "examples"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nitpicky = True

html_theme = "furo"
html_title = f"exec_plugin {release}"
# A prompt is not part of a command.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

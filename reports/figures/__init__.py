"""Figures, drawn by matplotlib once for the page, as SVG in its colours and font, and once for a paper."""

import logging

# Where matplotlib keeps its caches and which fonts it looks for is nothing that who asks for a report can use.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

"""Figures, drawn by matplotlib once for the page, as SVG in its colours and font, and once for a paper."""

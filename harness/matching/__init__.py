"""Divisions: models with one number of parameters, or with one time for a training step, whatever their architecture.

:func:`match_parameters` counts, :func:`match_step_time` measures; both solve for ``hidden_size``.
"""

from harness.matching.counting import count_of, match_parameters, outline, parameters
from harness.matching.pacing import match_step_time

__all__ = ["count_of", "match_parameters", "match_step_time", "outline", "parameters"]

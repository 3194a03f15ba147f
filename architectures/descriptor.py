"""What an architecture says about itself: its layer, defaults, search space, constraint and paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from torch import nn

    from architectures.cost import Cost


@dataclass(frozen=True)
class Paper:
    """Where an architecture was published."""

    title: str
    authors: str
    year: int
    venue: str
    url: str = ""
    code: str = ""


@dataclass(frozen=True)
class StableStep:
    """A hyper-parameter that is stable up to a limit which others set, and is searched as a fraction of that limit.

    The search space then has a key for the fraction, say ``"step"`` from 1e-5 to 0.99, in place of the hyper-parameter,
    and none of its points is refused by the constraint.
    """

    largest: Callable[[Mapping[str, Any]], float]
    """All hyper-parameters -> the value from which on the layer is unstable, or infinity where none is. It must rise
    or fall all the way in each of :attr:`depends`, as the corners of a space then tell the least of all limits."""

    depends: tuple[str, ...] = ()
    """The hyper-parameters that the limit depends on."""

    of: str = "dt"
    """The hyper-parameter."""

    key: str = "step"
    """The fraction's name in the search space."""


@dataclass(frozen=True)
class Architecture:
    """A recurrent layer and what a harness must know to build, tune and cite it.

    Hyper-parameters are the constructor keywords of :attr:`layer` except ``input_size``, ``batch_first``, ``backend``,
    ``device`` and ``dtype``. Their annotations are read at run time, so they must be real types.
    """

    name: str
    """Short lower-case name, as typed on a command line: ``"unicornn"``."""

    title: str
    """Name as printed in tables: ``"UnICORNN"``."""

    layer: Callable[..., nn.Module]
    """``layer(input_size, hidden_size, num_layers, *, <hyper-parameters>, batch_first, backend, device, dtype)``,
    a module with the contract of ``torch.nn.LSTM``; it raises ``ValueError`` for an argument out of range."""

    paper: Paper | None = None

    equations: tuple[str, ...] = ()
    """One step of a layer in LaTeX, one formula each, in the symbols of the paper; for people who read about it. Pages
    turn it into MathML, so keep to fractions, indices, Greek letters, ``mathbf`` and the like."""

    defaults: Mapping[str, Any] = field(default_factory=dict)
    """``hidden_size``, ``num_layers`` and the hyper-parameters of a model about which nothing was said."""

    default_needs: Mapping[str, str] = field(default_factory=dict)
    """Key of :attr:`defaults` -> hyper-parameter without which it says nothing: where that is switched off, and the key
    isn't given, the default of the layer holds."""

    search_space: Callable[[], dict[str, BaseDistribution]] | None = None
    """The hyper-parameters worth tuning and their ranges. A function, so that only tuning imports Optuna."""

    stable_step: StableStep | None = None
    """Says that one key of the search space is a fraction of the largest stable step."""

    constraint: Callable[[Mapping[str, Any]], str | None] | None = None
    """Hyper-parameters -> None, or one sentence on why training with them is hopeless."""

    initialise_head: Callable[[nn.Linear], None] | None = None
    """Initialises the linear read-out in place as the paper does; without it, it starts as torch starts it."""

    cost: Callable[[int, int, int, int, int], Cost] | None = None
    """L, N, H_in, H, number of layers -> the work of a stack of such layers, from which the floors of its time come;
    :class:`architectures.cost.PerStep` makes it. Without it the floors are not known."""

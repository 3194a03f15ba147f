"""What an architecture says about itself: its layer, defaults, search space, constraint and paper."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from torch import nn

    from architectures.cost import Cost


class _Descriptor:
    """What refuses keywords that it does not know with those that it does."""

    def __new__(cls, *_arguments: Any, **keywords: Any) -> Self:
        if unknown := unknown_names(cls, keywords):
            raise TypeError(f"{cls.__name__} has no {unknown}: leave it out")
        return super().__new__(cls)


def unknown_names(descriptor: type, names: Iterable[str]) -> str:
    """Those of `names` that are no field of the class of a descriptor, with the fields; empty where all are known.

    ``"attribute 'param_groups' (known: name, title, ...)"``, with the closest field where one is close.
    """
    known = list(descriptor.__dataclass_fields__)  # type: ignore[attr-defined]
    unknown = [name for name in names if name not in known]
    if not unknown:
        return ""
    near = get_close_matches(unknown[0].lower(), known, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    told = "', '".join(unknown)
    return f"attribute{'s' if len(unknown) > 1 else ''} '{told}' ({hint}known: {', '.join(known)})"


@dataclass(frozen=True)
class Paper(_Descriptor):
    """Where an architecture was published."""

    title: str
    authors: str
    year: int
    venue: str
    url: str = ""
    code: str = ""


@dataclass(frozen=True)
class StableStep(_Descriptor):
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
class Architecture(_Descriptor):
    """A recurrent layer and what a harness must know to build, tune and cite it.

    Hyper-parameters are the constructor keywords of :attr:`layer` except ``input_size``, ``batch_first``, ``backend``,
    ``device`` and ``dtype``. Their annotations are read at run time, so they must be real types.

    Raises:
        TypeError: a keyword is none of these attributes.
    """

    name: str
    """Short lower-case name, as typed on a command line: ``"unicornn"``."""

    title: str
    """Name as printed in tables: ``"UnICORNN"``."""

    layer: Callable[..., nn.Module]
    """``layer(input_size, hidden_size, num_layers, *, <hyper-parameters>, batch_first, backend, device, dtype)``,
    a module with the contract of ``torch.nn.LSTM``; it raises ``ValueError`` for an argument out of range. Its
    attribute ``output_size`` is the width of its output where that is not ``hidden_size``; a keyword ``lengths`` of its
    forward is given the lengths (N,) of the sequences, or None where all have L steps."""

    paper: Paper | None = None

    equations: tuple[str, ...] = ()
    """One step of a layer in LaTeX, one formula each, in the symbols of the paper; for people who read about it. Pages
    turn it into MathML, so keep to fractions, indices, Greek letters, ``mathbf`` and the like."""

    defaults: Mapping[str, Any] = field(default_factory=dict)
    """``hidden_size``, ``num_layers`` and the hyper-parameters of a model about which nothing was said."""

    default_needs: Mapping[str, str] = field(default_factory=dict)
    """Key of :attr:`defaults` -> hyper-parameter without which it says nothing: where that is switched off, and the key
    isn't given, the default of the layer holds and the search space does without the key."""

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

    version: str | None = None
    """Tells versions of the layer apart for people, such as ``"2.1"``; it is stored with every run. It is no part of a
    recipe: the hash of the source, which is, already tells them apart."""

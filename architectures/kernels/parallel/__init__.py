"""UnICORNN parallel in time: the forward pass by Newton's iteration over chunks of steps, the backward by one scan.

It is written in PyTorch, for any device. On a CPU the compiled form is faster, so it runs only when it is asked for
(``backend="parallel"``): it is the oracle of the same form for a GPU. docs/parallel-in-time.md tells how exact it is
and how many iterations it takes; ``python -m architectures.kernels.parallel`` prints both.
"""

from architectures.kernels.parallel.choice import pays
from architectures.kernels.parallel.operation import unicornn

__all__ = ["pays", "unicornn"]

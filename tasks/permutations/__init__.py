"""Frozen permutations of steps and of samples, verified whenever they are read.

Most files hold the order in which the steps of a sequence are fed, as numbers in plain text:

============ ===== ============================================================ ========================
file         steps made with                                                    used by
============ ===== ============================================================ ========================
unicornn       784 ``torch.manual_seed(5544); torch.randperm(784)``             UnICORNN, LEM
cornn          784 ``torch.manual_seed(12008); torch.randperm(784)``            coRNN, LipschitzRNN
expRNN         784 ``numpy.random.RandomState(92916).permutation(784)``         expRNN, DTRIV
lmu            784 ``numpy.random.RandomState(0).permutation(784)``             LMU
bitreversal    784 10-bit numbers read backwards, those below 784               LSSL, S4, S5
digits          64 ``numpy.random.RandomState(0).permutation(64)``              this project
============ ===== ============================================================ ========================

The others hold the order in which samples are dealt to training, validation and test:

================ ======= =============================================================== ====================
file             samples made with                                                       used by
================ ======= =============================================================== ====================
eigenworms-*         236 ``jax.random.permutation(key, 236)``, * the seed: 2345, 3456,   LinOSS, Log-NCDE
                         4567, 5678 or 6789
================ ======= =============================================================== ====================

JAX was 0.4.30, and the key is that of ``train.py`` and ``data_dir/datasets.py`` of both: the first of
``jax.random.split(jax.random.PRNGKey(seed), 4)``, then the first of the two that this is split into. JAX 0.5 and later
draw other numbers unless ``jax_threefry_partitionable`` is off.

They are files because a draw depends on the version of its generator, and on every draw made before it. The checksums
are sha256 over the numbers as little-endian int64, whatever the line ends of the file.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files

import numpy as np
import torch
from torch import Tensor

FOLDER = files(__name__)

SHA256 = {
    "unicornn": "88c77bc3e243c77bfa408d541c47529b0f18e4330833e084f860a8978f5465d7",
    "cornn": "f4113bc8ae78902146fba54feaff34c7de185249d3b85ce9584e3d76ca98b3bd",
    "expRNN": "96240fe27409981c3ed3e92c20d995f7103a94c2282307bc776923030113be74",
    "lmu": "fe62e3fef305ce16e55f08cd0056a8b237e12af6c9523ff3fb35395f6ec55222",
    "bitreversal": "30d91dc29f161321971bfea6ba16c735e4b5fe678d607efb470896d9de75ef44",
    "digits": "d282de6dfcc9d9fafa19369241d05bc12c9fce798ee820c11692e78f9e8e73f7",
    "eigenworms-2345": "229d258a9ae195739afd65c371be6b7f8bcba417d5b6c1a4164c8d5fe48a87cf",
    "eigenworms-3456": "188929b359cf452d01076bc4e9f3af91bb788094d84d77df85946dab0cb31e3e",
    "eigenworms-4567": "64e88f7bb73a5374b5d842107f55eba8feeb77e370554525e621a503fb1c919d",
    "eigenworms-5678": "9faae0cf4a6fd10bf3e6b18cad804c2465d986dda3ba655b60404fea2cbf4c8d",
    "eigenworms-6789": "e0e52f42806fe4c707743ecad82025330338123eefd85d06c22b70f463ae4efb",
}


def read(name: str) -> Tensor:
    """The frozen permutation `name`, (L,) int64; ``ValueError`` where its file holds anything else."""
    file = FOLDER / f"{name}.txt"
    try:
        steps = np.array(file.read_text(encoding="ascii").split(), dtype=np.int64)
    except ValueError:  # not ASCII, or not numbers
        steps = np.empty(0, dtype=np.int64)
    verify(steps, SHA256[name], f"{file} does not hold the frozen permutation", "install this package again")
    return torch.from_numpy(steps)


@cache
def resident(name: str, device: torch.device) -> Tensor:
    """The frozen permutation `name` on `device`, read and copied there once; not to be written to."""
    return read(name).to(device)


def shuffled(n: int, seed: int, wanted: str) -> np.ndarray:
    """``RandomState(seed).permutation(n)`` as (n,) int64; ``ValueError`` unless its sha256 is `wanted`."""
    order = np.random.RandomState(seed).permutation(n).astype(np.int64)
    what = f"numpy {np.__version__} draws another order of {n} samples than the frozen one"
    verify(order, wanted, what, "install a release of numpy that draws it")
    return order


def verify(numbers: np.ndarray, wanted: str, what: str, remedy: str) -> None:
    """``ValueError`` that says `what` is wrong and the `remedy`, unless the sha256 of `numbers` is `wanted`."""
    found = sha256(numbers.astype("<i8").tobytes()).hexdigest()
    if found != wanted:
        raise ValueError(f"{what} (sha256 {found}, wanted {wanted}): {remedy}")

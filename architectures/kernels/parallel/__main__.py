"""How UnICORNN that is parallel in time does at every published setting.

    python -m architectures.kernels.parallel --train 400

prints two tables in Markdown: with weights as they start and input of unit variance, and, with --train, for small
networks of the published steps and stiffness after so many steps of training on made-up data. Errors are those in
float32 of the output and the worst of the gradients, relative to the largest value, against plain PyTorch in float64:
of plain PyTorch ("eager") and of the form that is parallel in time.

    python -m architectures.kernels.parallel --weights weights.pt --dt 1.2 --alpha 4 --length 64

prints such a table for the layers of a trained UnICORNN alone, with noise of unit variance as the input.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from architectures.kernels.parallel import measure
from architectures.kernels.parallel.training import networks


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m architectures.kernels.parallel",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", default="", help="settings whose title contains this")
    parser.add_argument("--seed", type=int, default=0, help="of the inputs and weights")
    parser.add_argument("--train", type=int, default=0, help="steps of training for the second table; 0 leaves it out")
    parser.add_argument("--weights", type=Path, help="a file of weights, as `harness run` leaves one in a run's folder")
    parser.add_argument("--dt", type=float, nargs="+", default=[], help="of its layers: one for all, or one for each")
    parser.add_argument("--alpha", type=float, default=0.0, help="of its layers")
    parser.add_argument("--length", type=int, default=784, help="steps of the noise that it reads")
    given = parser.parse_args()
    if given.weights is not None:
        try:
            found = list(measure.of_weights(given.weights, given.dt, given.alpha, given.length, given.seed))
        except (OSError, ValueError) as error:
            parser.error(str(error))
        print(measure.HEAD, *found, sep="\n")
        return
    titles = [setting.title for setting in measure.PUBLISHED]
    if given.train < 0:
        parser.error(f"--train must be 0 or more, got {given.train}")
    if not any(given.only.lower() in title.lower() for title in titles):
        parser.error(f"no setting's title contains {given.only!r}: they are {', '.join(titles)}")
    print(f"At initialisation\n\n{measure.HEAD}", flush=True)
    for row in measure.at_initialisation(given.only, given.seed):
        print(row, flush=True)
    if given.train:
        chosen = [network for network in networks() if given.only.lower() in f"unicornn {network.title}, layer".lower()]
        told: list[measure.Measured | str] = []
        rows: list[measure.Measured | str] = []
        for network in chosen:
            first, *others = measure.after_training(network, given.train, given.seed)
            told.append(first)
            rows += others
        print("\nAfter training\n", *(f"- {line}" for line in told), f"\n{measure.HEAD}", *rows, sep="\n")


if __name__ == "__main__":
    main()

"""The example of Demsar 2006 (Journal of Machine Learning Research 7), tables 2 and 6, and small tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reports.statistics.blocks import Table, complete_block

C45 = ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf")
# Areas under the curve in thousandths, which subtract without rounding, so that equal differences are equal.
DEMSAR = {
    "adult": (763, 768, 771, 798),
    "breast cancer": (599, 591, 590, 569),
    "breast cancer wisconsin": (954, 971, 968, 967),
    "cmc": (628, 661, 654, 657),
    "ionosphere": (882, 888, 886, 898),
    "iris": (936, 931, 916, 931),
    "liver disorders": (661, 668, 609, 685),
    "lung cancer": (583, 583, 563, 625),
    "lymphography": (775, 838, 866, 875),
    "mushroom": (1000, 1000, 1000, 1000),
    "primary tumor": (940, 962, 965, 962),
    "rheum": (619, 666, 614, 669),
    "voting": (972, 981, 975.1, 975),  # the third is printed as 975 too, but ranked before the fourth
    "wine": (957, 978, 946, 970),
}


def table(rows: Mapping[str, Sequence[float]], archs: Sequence[str], higher: bool = True) -> Table:
    values = {(arch, task): row[at] for task, row in rows.items() for at, arch in enumerate(archs)}
    return complete_block(values, dict.fromkeys(rows, higher)).table


def demsar() -> Table:
    return table(DEMSAR, C45)

"""Timings as the terminal shows them."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.speed.presets import Preset
    from harness.store import Timing

SETTINGS = ("batch", "hidden_size", "num_layers", "input_size", "device", "dtype", "threads")
"""What the line above a table says where it is the same for all rows, and else a column each."""
SHOWN = {"forward": "forward", "backward": "backward", "backward_last_step": "backward_last", "step": "step"}
"""Phases with a column, and its heading; an imported timing or one of an older version may lack some."""


def print_timings(timings: Sequence[Timing]) -> None:
    """What was measured as a table, and below it what was skipped and why."""
    from harness.cli.terminal import print_lines, print_rows

    done = [timing for timing in timings if timing.state == "done"]
    streamed = [timing for timing in done if "streaming" in timing.phases]
    whole = [timing for timing in done if timing not in streamed]
    for some, row, unit in (
        (whole, _row, "times in ms (medians)"),
        (streamed, _streaming_row, "one step at a time in evaluation mode, the state carried; times in us"),
    ):
        if some:
            same = [name for name in SETTINGS if len({getattr(timing, name) for timing in some}) == 1]
            print(", ".join(f"{name} {getattr(some[0], name)}" for name in same) + f"; {unit}")
            print_rows([row(timing, [name for name in SETTINGS if name not in same]) for timing in some])
    if len({timing.sitting for timing in done}) == 1:
        print(_conditions(done))
    if timings and not done:
        print(f"nothing was measured: all cases were skipped ({len(timings)})")
    print_lines(f"{name_of(timing)}: {timing.reason}" for timing in timings if timing.reason)
    print_lines(f"{name_of(timing)}: warning: {timing.warning}" for timing in done if timing.warning)


def print_beside(preset: Preset, timings: Sequence[Timing]) -> None:
    """What was measured of a preset beside what was published; the ratios are what can be compared."""
    from harness.cli.terminal import print_rows

    print(f"\n{preset.title}\npublished: {preset.source}\nassumed here: {preset.assumed}")
    print_rows(
        [
            {
                "architecture": row["arch"],
                "length": row["length"],
                "backend": row["backend"],
                "ms here": _ms(row["seconds"]),
                "ms published": _ms(row["published_seconds"]),
                f"of {preset.baseline} here": _ratio(row["ratio"]),
                f"of {preset.baseline} published": _ratio(row["published_ratio"]),
            }
            for row in preset.beside(timings)
        ]
    )


def name_of(timing: Timing) -> str:
    """``unicornn 784x32x128 (cpu)``: architecture, L x N x H, and the backend."""
    size = f"{timing.length}x{timing.batch}x{timing.hidden_size}"
    return f"{timing.arch} {size} ({timing.ran or timing.backend})"


def _conditions(timings: Sequence[Timing]) -> str:
    """What the machine was like: its load, its clock, and what the copies and products reached."""
    environment, said = timings[0].environment, []
    # An environment that was imported may hold anything.
    loads = [environment.get(key) for key in ("load_average", "load_average_after")]
    minutes = [load[0] for load in loads if isinstance(load, list) and load and isinstance(load[0], (int, float))]
    if len(minutes) == 2:
        said.append(f"load average {minutes[0]:.2f} before and {minutes[1]:.2f} after")
    if isinstance(clock := environment.get("clock_mhz_after"), (int, float)):
        said.append(f"clock {clock:.0f} MHz")
    rates = [timing.rates() for timing in timings if timing.references]
    if rates:
        copied, calculated = (max(rate) for rate in zip(*rates, strict=True))
        said.append(f"copies up to {copied / 1e9:.1f} GB/s, products {calculated / 1e9:.0f} GFLOP/s")
    return "; ".join(said)


def _row(timing: Timing, settings: Sequence[str]) -> dict[str, Any]:
    step, both = timing.phases.get("step"), timing.floor(timing.training_passes)
    memory, reached = timing.memory.get("step"), timing.reached(timing.training_passes)
    return {
        "architecture": timing.arch,
        "length": timing.length,
        **{name: getattr(timing, name) for name in settings},
        "backend": timing.ran,
        **{shown: _ms(timing.phases[name].median if name in timing.phases else None) for name, shown in SHOWN.items()},
        "quartiles": None if step is None else "-".join(str(_ms(quartile)) for quartile in step.quartiles),
        "cpu": None if step is None else _ms(median(step.cpu)),
        "compile": _ms(sum(timing.phases[name].compiling for name in SHOWN if name in timing.phases)),
        "MB": None if memory is None else f"{memory / 1e6:.0f}",
        "floor": None if both is None else _ms(both.seconds),
        "reached": None if reached is None else f"{100 * reached:.0f} %",
    }


def _streaming_row(timing: Timing, settings: Sequence[str]) -> dict[str, Any]:
    phase = timing.phases["streaming"]
    low, high = phase.quartiles
    return {
        "architecture": timing.arch,
        **{name: getattr(timing, name) for name in settings},
        "backend": timing.ran,
        "calls": len(phase.wall),
        "median": _ms(1e3 * phase.median),
        "quartiles": f"{_ms(1e3 * low)}-{_ms(1e3 * high)}",
        "p99": None if phase.p99 is None else _ms(1e3 * phase.p99),
        "first": _ms(1e3 * phase.first),
    }


def _ms(seconds: float | None) -> str | None:
    """Milliseconds with three digits that say something."""
    if seconds is None:
        return None
    value = 1e3 * seconds
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _ratio(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"

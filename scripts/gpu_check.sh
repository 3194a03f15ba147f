#!/usr/bin/env bash
# All checks of the GPU in one call, in less than ten minutes, written to one JSON file:
#
#     scripts/gpu_check.sh [FILE]        (gpu_check.json if not said; PYTHON names the interpreter)
#
# the tests marked `gpu`, the timings of benchmarks/gpu.py (UnICORNN and coRNN), and the training of UnICORNN on psMNIST
# by its published recipe for the time that is left. Called again it continues that training (HARNESS_HOME keeps it).
# Ends with code 2 and one sentence where there is no GPU, and with 1 where a part failed; the file says which.
set -u
started=$(date +%s)
seconds=${GPU_CHECK_SECONDS:-570}
python=${PYTHON:-python}
file=$(realpath -m "${1:-gpu_check.json}")
cd "$(dirname "$0")/.." || exit 1

if ! "$python" -c 'import torch' 2>/dev/null; then
    echo "gpu_check: $python has no torch; install this package, or name another interpreter in PYTHON" >&2
    exit 2
fi
if ! "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
    echo "gpu_check: there is no GPU that the torch of $python can use" >&2
    exit 2
fi

parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT
failed=0
left() { echo $((seconds - $(date +%s) + started)); }

# part NAME SECONDS COMMAND...: its output goes to the screen, its exit code into the file
part() {
    local name=$1 limit=$2
    shift 2
    echo "== $name (at most $limit s)"
    timeout --signal=INT --kill-after=10 "$limit" "$@" 2>&1 | tee "$parts/$name.log"
    local code=${PIPESTATUS[0]}
    echo "$code" >"$parts/$name.code"
    [ "$code" -eq 0 ] || failed=1
}

part tests 200 "$python" -m pytest -m gpu tests -q --junitxml="$parts/tests.xml"
part timings 150 "$python" benchmarks/gpu.py --json "$parts/timings.json"
training=$(($(left) - 45))
[ "$training" -ge 1 ] || training=1
part training $((training + 30)) "$python" -m harness run --arch unicornn --task psmnist --recipe published \
    --device cuda --max-time "${training}s"
part runs 15 "$python" -m harness list runs

"$python" scripts/gpu_report.py "$parts" "$file" $(($(date +%s) - started)) || failed=1
echo "gpu_check: written to $file"
exit "$failed"

#!/usr/bin/env bash
# All checks of the GPU in one call, in less than eight minutes, written to one JSON file after every part:
#
#     scripts/gpu_check.sh [FILE]        (gpu_check.json if not said; PYTHON names the interpreter)
#
# the tests of the CUDA kernels, the timings of benchmarks/gpu.py (UnICORNN and coRNN), and, where all of this package can
# be imported, the training of UnICORNN on psMNIST by its published recipe for the time that is left. Called again it
# continues that training (HARNESS_HOME keeps it). What a part leaves before it ends, such as the timings of every size, is
# in FILE.parts until the end. Needs torch and CuPy; for the rest, scripts/gpu_wheels.sh fills scripts/wheels on a machine
# with a network. Ends with code 2 and one sentence where something is lacking, and with 1 where a part failed; the file
# says which.
set -u
started=$(date +%s)
seconds=${GPU_CHECK_SECONDS:-470}
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
if ! "$python" -c 'import cupy' 2>/dev/null; then
    echo "gpu_check: $python has no CuPy; install the extra cuda12 or cuda13 of this package" >&2
    exit 2
fi

parts=$file.parts
rm -rf "$parts"
mkdir -p "$parts" || exit 1
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
if ! "$python" -c 'import filelock, hypothesis, platformdirs, pytest' 2>/dev/null; then
    if ! "$python" -m pip install -q --no-index --find-links scripts/wheels --target "$parts/packages" \
        filelock hypothesis platformdirs pytest; then
        echo "gpu_check: $python lacks pytest and others: run scripts/gpu_wheels.sh where there is a network, and bring" \
            "scripts/wheels along" >&2
        exit 2
    fi
    PYTHONPATH="$parts/packages:$PYTHONPATH"
fi

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
    "$python" scripts/gpu_report.py "$parts" "$file" $(($(date +%s) - started)) || failed=1
}

kernels=tests/architectures/kernels
part tests 220 "$python" -m pytest -c scripts/gpu_pytest.ini --rootdir=. --confcutdir=tests/architectures -m gpu -q \
    "$kernels/test_cuda_gpu.py" "$kernels/test_cuda_cornn_gpu.py" --junitxml="$parts/tests.xml"
limit=$(($(left) - 20))
[ "$limit" -le 180 ] || limit=180
[ "$limit" -ge 1 ] || limit=1
part timings "$limit" "$python" benchmarks/gpu.py --json "$parts/timings.json"
training=$(($(left) - 50))
if [ "$training" -ge 30 ] && "$python" -c 'import harness.execution' 2>/dev/null; then
    part training $((training + 30)) "$python" -m harness run --arch unicornn --task psmnist --recipe published \
        --device cuda --max-time "${training}s"
else
    echo "== training left out: it needs 80 s, and all that this package depends on"
fi

rm -rf "$parts"
echo "gpu_check: written to $file"
exit "$failed"

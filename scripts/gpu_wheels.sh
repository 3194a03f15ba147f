#!/usr/bin/env bash
# Fills scripts/wheels with what scripts/gpu_check.sh needs beside torch and CuPy, for a machine without a network.
set -eu
cd "$(dirname "$0")"
"${PYTHON:-python}" -m pip download -q -d wheels filelock hypothesis platformdirs pytest

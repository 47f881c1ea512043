#!/usr/bin/env bash
# Repeats every measurement of docs/performance.md on a GPU and keeps the tables and JSON lists in one folder.
#
#     benchmarks/gpu.sh [FOLDER]
#
# NOT RUN: no GPU was at hand when this was written, and no figure in this repository comes from one. `peak_megabytes` is the
# peak of TensorFlow's allocator on the first GPU.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
folder=${1:-runs/gpu}

"$python" -c '
import sys
import tensorflow as tf
gpus = tf.config.list_physical_devices("GPU")
if not gpus:
    sys.exit("error: TensorFlow sees no GPU; install its CUDA libraries with: pip install --editable .[gpu]")
print(tf.__version__, *(tf.config.experimental.get_device_details(gpu) for gpu in gpus))
'
mkdir -p "$folder"

# One model at a time is on the GPU while it runs, but all of a table are in its memory: 16 GB are enough up to batch 64.
measure() {
    local name=$1
    shift
    "$python" "$@" --json="$folder/$name.json" | tee "$folder/$name.txt"
}

all=cnn,bnn,bnn_weight_scale,tfp_flipout
dtypes=float32,mixed_bfloat16,mixed_float16
measure forward benchmarks/throughput.py --models=$all --modes=forward --dtypes=$dtypes --repeats=20
measure train benchmarks/throughput.py --models=$all --modes=train --dtypes=$dtypes --repeats=20
measure predict benchmarks/throughput.py --models=cnn,bnn,bnn_head,tfp_flipout --modes=predict --dtypes=$dtypes --batch_sizes=1,64,2000
measure features benchmarks/throughput.py --features --dtypes=$dtypes
measure memory benchmarks/throughput.py --memory --dtypes=$dtypes
measure pipeline benchmarks/pipeline.py --dtypes=$dtypes

#!/bin/sh
# Starts TensorFlow Serving in Docker on an exported model, asks it over REST and gRPC, and compares its answers with the run's own.
#
#   scripts/serving_check.sh RUN MODEL IMAGE
#   scripts/serving_check.sh runs/bnn-n500-seed0 models/insects bee.jpg
#
# Exit codes: 0 the answers agree, 1 they differ or the server did not come up, 77 not run because Docker is not there.
# PYTHON, SERVING_IMAGE, REST_PORT and GRPC_PORT can be set in the environment.
set -eu

if [ $# -ne 3 ]; then
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
run=$1 model=$(realpath "$2") image=$3
python=${PYTHON:-python}
server=${SERVING_IMAGE:-tensorflow/serving}
rest=${REST_PORT:-8501}
grpc=${GRPC_PORT:-8500}
name=$(basename "$model")

if ! docker info >/dev/null 2>&1; then
    echo "NOT RUN: Docker is not there, or its daemon does not answer." >&2
    exit 77
fi

container=$(docker run --detach --publish "127.0.0.1:$rest:8501" --publish "127.0.0.1:$grpc:8500" \
    --volume "$model:/models/$name:ro" --env "MODEL_NAME=$name" "$server")
trap 'docker rm --force "$container" >/dev/null' EXIT
trap 'exit 130' INT TERM

seconds=0
until curl --silent --fail "http://127.0.0.1:$rest/v1/models/$name" | grep -q AVAILABLE; do
    seconds=$((seconds + 1))
    if [ "$seconds" -gt 180 ]; then
        echo "error: the server did not load the model within 180 s; its log:" >&2
        docker logs "$container" >&2
        exit 1
    fi
    sleep 1
done

"$python" - "$run" "$model" "$image" "http://127.0.0.1:$rest" "127.0.0.1:$grpc" <<'END'
import sys
from pathlib import Path

from tfp_insects.serving.server_check import check_server

run, model, image, rest, grpc = sys.argv[1:]
print(check_server(Path(run), Path(model), Path(image), rest, grpc))
END

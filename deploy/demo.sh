#!/bin/sh
# The main job, end to end, in .demo/: a worker with an embedded Redis, 500 sampled cars, a folder reconstructed.
set -eu
cd "$(dirname "$0")/.."
export VAEJOB_HOME="$PWD/.demo"
unset VAEJOB_REDIS_URL VAEJOB_STORE VAEJOB_CHECKPOINT VAEJOB_SOURCES
rm -rf .demo
mkdir -p .demo

vaeworker 2>.demo/worker.log &
worker=$!
stop() {
    kill "$worker" 2>/dev/null || true
    wait "$worker" 2>/dev/null || true
    vaeworker stop-redis >/dev/null
}
trap stop EXIT
trap 'exit 130' INT TERM

echo '$ vaejob sample --n 500 --seed 7 --job-id demo-sample --watch'
vaejob sample --n 500 --seed 7 --job-id demo-sample --watch

echo '$ vaecore cars --n 40 --seed 99 .demo/pictures'
vaecore cars --n 40 --seed 99 .demo/pictures

echo '$ vaejob reconstruct .demo/pictures --pattern "*.png" --job-id demo-reconstruct --watch'
vaejob reconstruct .demo/pictures --pattern '*.png' --job-id demo-reconstruct --watch

vaejob list
jobs=.demo/store/jobs
images=$(find $jobs/demo-sample/images -type f | wc -l)
lines=$(wc -l <$jobs/demo-sample/manifest.jsonl)
test "$images" -eq 500
test "$lines" -eq 500
test -f $jobs/demo-sample/_SUCCESS
test -f $jobs/demo-reconstruct/_SUCCESS
echo
echo "$images cars, and 40 reconstructions. Look at"
echo "  $jobs/demo-sample/grid.png         $jobs/demo-sample/index.html"
echo "  $jobs/demo-reconstruct/grid.png    $jobs/demo-reconstruct/index.html"

#!/usr/bin/env bash
# Builds images twice, without any cache, and compares their digests: images/verify.sh [NAME...]. The variables are those of
# build.sh. The two builds are of one commit, on one Debian image and on one day of Debian's archive, with one tag, which an
# image names as that of the image that it begins with.
set -euo pipefail
cd "$(dirname "$0")/.."
names=("$@")
[ "${#names[@]}" -gt 0 ] || names=(base operator services executor)
export TAG=${TAG:-verify} SBOM_PYTHON=/bin/false BUILD_OPTIONS="${BUILD_OPTIONS:-} --no-cache"
suffix() { case "${VARIANT:-cuda}-$1" in cpu-torch | cpu-trainer | cpu-policy) echo "-cpu" ;; esac }
digest() { buildah inspect --type image --format '{{.FromImageDigest}}' "localhost/prlcoder/$1$(suffix "$1"):$TAG"; }

declare -A first
images/build.sh "${names[@]}"
for name in "${names[@]}"; do first[$name]=$(digest "$name"); done
images/build.sh "${names[@]}"
different=0
for name in "${names[@]}"; do
  second=$(digest "$name")
  if [ "${first[$name]}" = "$second" ]; then
    echo "$name: both builds are $second"
  else
    echo "$name: the builds differ: ${first[$name]}, $second" >&2
    different=1
  fi
done
exit "$different"

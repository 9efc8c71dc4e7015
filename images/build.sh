#!/usr/bin/env bash
# Builds images with buildah: images/build.sh [NAME...], all without a name. BASE names the Debian image to begin with.
# The images are localhost/prlcoder/NAME:TAG, where TAG is the commit.
set -euo pipefail
cd "$(dirname "$0")/.."
BASE=${BASE:-debian:bookworm-slim}
TAG=${TAG:-$(git rev-parse --short=12 HEAD)}
REVISION=$(git rev-parse HEAD)
VERSION=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
names=("$@")
[ "${#names[@]}" -gt 0 ] || names=(operator services trainer)

build() { # NAME BASE
  # shellcheck disable=SC2086 # BUILD_OPTIONS holds several words
  buildah build ${BUILD_OPTIONS:-} --timestamp "$(git log -1 --format=%ct)" \
    --build-arg "BASE=$2" --build-arg "VERSION=$VERSION" --build-arg "REVISION=$REVISION" \
    --file "images/$1/Dockerfile" --tag "localhost/prlcoder/$1:$TAG" .
}

build base "$BASE"
for name in "${names[@]}"; do
  build "$name" "localhost/prlcoder/base:$TAG"
done

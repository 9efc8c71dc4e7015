#!/usr/bin/env bash
# Builds images with buildah: images/build.sh [NAME...], all without a name, each after the one that it begins with.
# What is built is the commit HEAD, not what has changed since. The images are localhost/prlcoder/NAME:TAG. Variables:
#   BASE           the Debian image to begin with (debian:bookworm-slim)
#   TAG            of the images (the commit)
#   VARIANT        cuda or cpu, of the images torch, trainer and policy; those for CPUs are named NAME-cpu (cuda)
#   PIP_CONF       pip's settings while packages are installed, such as another index; no image keeps them (/etc/pip.conf)
#   BUILD_OPTIONS  more options of `buildah build`
#   SBOM_PYTHON    an environment with cyclonedx-python-lib, for images/out/NAME.cdx.json (.venv/bin/python)
set -euo pipefail
cd "$(dirname "$0")/.."
BASE=${BASE:-debian:bookworm-slim}
TAG=${TAG:-$(git rev-parse --short=12 HEAD)}
VARIANT=${VARIANT:-cuda}
PIP_CONF=${PIP_CONF:-/etc/pip.conf}
SBOM_PYTHON=${SBOM_PYTHON:-.venv/bin/python}
REVISION=$(git rev-parse HEAD)
COMMIT_TIME=$(git log -1 --format=%ct)
VERSION=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
names=("$@")
[ "${#names[@]}" -gt 0 ] || names=(operator services executor trainer policy)

case "$VARIANT" in
  cuda) suffix="" ;;
  cpu) suffix="-cpu" ;;
  *) echo "images/build.sh: VARIANT: $VARIANT is unknown; use cuda or cpu" >&2; exit 2 ;;
esac

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
git -c tar.umask=0022 archive HEAD | tar -x -C "$context"
options=(--timestamp "$COMMIT_TIME" --build-arg "VERSION=$VERSION" --build-arg "REVISION=$REVISION" --build-arg "VARIANT=$VARIANT")
[ ! -f "$PIP_CONF" ] || options+=(--secret "id=pip,src=$PIP_CONF")

declare -A finished
build() { # NAME IMAGE BASE: once
  [ -z "${finished[$1]:-}" ] || return 0
  # shellcheck disable=SC2086 # BUILD_OPTIONS holds several words
  buildah build ${BUILD_OPTIONS:-} "${options[@]}" --build-arg "BASE=$3" \
    --file "$context/images/$1/Dockerfile" --tag "localhost/prlcoder/$2:$TAG" "$context"
  finished[$1]=yes
  if [ "$1" != torch ] && [ "$1" != base ]; then describe "$2"; fi
}

describe() { # IMAGE: write its SBOM
  if ! "$SBOM_PYTHON" -c 'import cyclonedx' 2>/dev/null; then
    echo "images/build.sh: no SBOM of $1: cyclonedx-python-lib is missing; run make setup, or set SBOM_PYTHON" >&2
    return 0
  fi
  mkdir -p images/out
  local container root
  container=$(buildah from --pull-never "localhost/prlcoder/$1:$TAG")
  root=$(buildah mount "$container")
  "$SBOM_PYTHON" images/sbom.py "$root" --name "prlcoder/$1" --version "$VERSION" --revision "$REVISION" \
    --time "$COMMIT_TIME" --output "images/out/$1.cdx.json"
  buildah rm "$container" >/dev/null
}

for name in "${names[@]}"; do
  build base base "$BASE"
  case "$name" in
    base) ;;
    torch | trainer | policy)
      build torch "torch$suffix" "localhost/prlcoder/base:$TAG"
      [ "$name" = torch ] || build "$name" "$name$suffix" "localhost/prlcoder/torch$suffix:$TAG"
      ;;
    *) build "$name" "$name" "localhost/prlcoder/base:$TAG" ;;
  esac
done

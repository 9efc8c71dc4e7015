#!/bin/sh
# Runs while an image is built:
#   install.sh packages FILE   installs hashed requirements into /opt/prlcoder
#   install.sh checkout        installs this checkout there
#   install.sh finish          collects in /installed what was not in /opt/prlcoder before, compiled; files that match the
#                              regular expression LEFT_OUT stay out, and with VARIANT=cpu what is loaded on a GPU only
set -eu
export PYTHONHASHSEED=0 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
export SOURCE_DATE_EPOCH=315532800 # of the wheel's files: the earliest time that a wheel can hold
place=/opt/prlcoder

install() {
  /build/bin/python -m pip --python "$place/bin/python" install --no-deps --no-compile "$@"
}

collect() {
  mkdir -p /installed
  (cd "$place" && find . ! -type d -cnewer /build/before -print0 | tar --null --files-from=- -cf -) | tar -xf - -C /installed
  find /installed -name __pycache__ -prune -exec rm -rf {} +
}

# Compilers, headers, static libraries, and libraries that no CPU needs, of PyTorch's build for CUDA.
GPU_ONLY='.*/site-packages/(triton/.*|torch/(include|share)/.*|nvidia/.*(/include/.*|\.a|\.bc|\.alt\.so.*'
GPU_ONLY="$GPU_ONLY"'|libcusolverMg.*|libnvperf.*|libcudnn_(adv|cnn|engines|graph|heuristic|ops).*))'

# An empty folder of a package would be imported as a package without content.
leave_out() {
  find /installed -regextype posix-extended ! -type d -regex "$1" -delete
  find /installed -type d -empty -delete
}

# A compiled file is not checked against its source, whose time an image does not keep.
compile() {
  "$place/bin/python" -m compileall -q --invalidation-mode unchecked-hash -s /installed -p "$place" \
    -x '/kubernetes/(aio/)?client/(api|models)/' /installed/lib || true # some packages hold templates
}

case "$1" in
  packages)
    python3 -m venv /build
    /build/bin/python -m pip install --require-hashes -r requirements/build.txt
    touch /build/before
    [ -d "$place" ] || python3 -m venv --without-pip "$place"
    install --require-hashes -r "$2"
    ;;
  checkout)
    /build/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir /dist .
    install /dist/*.whl
    ;;
  finish)
    collect
    [ "${VARIANT:-}" != cpu ] || leave_out "$GPU_ONLY"
    [ -z "${LEFT_OUT:-}" ] || leave_out "$LEFT_OUT"
    compile
    ;;
esac

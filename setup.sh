# shellcheck shell=sh
# Sourced by ./run and ./test, from the checkout's root: makes .venv from pyproject.toml and
# constraints.txt, once; later starts see from a stamp that nothing changed. Safe to interrupt and run
# again. Nothing is needed beforehand but Python 3.11 with its venv module: uv is installed inside.
#
# Honoured from the environment: PYTHON (which interpreter), UV_FIND_LINKS or PIP_FIND_LINKS (folders
# of wheels), UV_DEFAULT_INDEX or PIP_INDEX_URL, UV_TORCH_BACKEND (cpu, cu130, ...; default auto).
#
# $extra, set by the caller, is empty or the name of one optional group of pyproject.toml.

say() { printf '%s\n' "$*" >&2; }
give_up() {
    say "$*"
    exit 1
}
seconds_since() { echo "$(($(date +%s) - $1)) s"; }

megabytes_free() { df -Pk "$1" 2>/dev/null | awk 'NR == 2 { print int($4 / 1024) }'; }

find_python() {
    for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3.14 python3}; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        command -v "$candidate"
        return 0
    done
    return 1
}

need_venv_module() {
    "$python" -c 'import ensurepip, venv' 2>/dev/null && return 0
    # Debian and Ubuntu keep these two in a package of their own.
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "Installing python$version-venv, which Debian keeps apart from Python ..."
        apt-get update -qq >&2 && apt-get install -y -qq "python$version-venv" >&2 && return 0
    fi
    give_up "$python cannot make virtual environments. On Debian or Ubuntu:" \
        "sudo apt-get install python$version-venv - then run this again."
}

# $1 what failed. The tool's own lines stand above; this adds what they may not say.
explain_failure() {
    for place in "$PWD" "${UV_CACHE_DIR:-${HOME:-/}}" "${TMPDIR:-/tmp}"; do
        left=$(megabytes_free "$place")
        [ "${left:-9999}" -ge 300 ] || give_up "$1 failed: the disk that holds $place is full" \
            "($left MB left). Rondo needs about 3 GB, or 9 GB with CUDA. Free some and run this again."
    done
    give_up "$1 failed; the lines above say why. Nothing half-made will be used: run this again."
}

point_uv_at_the_same_places_as_pip() {
    UV_FIND_LINKS=${UV_FIND_LINKS:-$(echo "${PIP_FIND_LINKS:-}" | tr -s ' ' ',')}
    UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-}}
    SSL_CERT_FILE=${SSL_CERT_FILE:-${PIP_CERT:-}}
    if [ -n "$UV_FIND_LINKS" ]; then export UV_FIND_LINKS; else unset UV_FIND_LINKS; fi
    if [ -n "$UV_DEFAULT_INDEX" ]; then export UV_DEFAULT_INDEX; else unset UV_DEFAULT_INDEX; fi
    if [ -n "$SSL_CERT_FILE" ]; then export SSL_CERT_FILE; else unset SSL_CERT_FILE; fi
    # A company's own authority is in the machine's store, which pip trusts too.
    [ ! -e /etc/ssl/certs/ca-certificates.crt ] || export UV_SYSTEM_CERTS=true
    # Without wheels of our own: the build of PyTorch that this machine's driver can use.
    [ -n "${UV_FIND_LINKS:-}" ] || export UV_TORCH_BACKEND="${UV_TORCH_BACKEND:-auto}"
    [ -w "${HOME:-/nowhere}" ] || export UV_CACHE_DIR="${UV_CACHE_DIR:-$PWD/var/cache/uv}"
}

install_requirements() {
    # shellcheck disable=SC2086 # $1 is empty or one option with its value
    .venv/bin/uv pip install --python .venv -q -c constraints.txt -r pyproject.toml $1 && return 0
    [ "${UV_TORCH_BACKEND:-}" = auto ] || return 1
    say "PyTorch's own index did not answer; trying again with the build that PyPI has (larger)."
    env -u UV_TORCH_BACKEND .venv/bin/uv pip install --python .venv -q -c constraints.txt \
        -r pyproject.toml $1
}

# What only a compiled loop does fast. Without a compiler Python does the same, to the last digit.
# No fused multiply-add: it would round once where Python rounds twice.
build_loops() {
    command -v cc >/dev/null 2>&1 || return 0
    cc -O2 -ffp-contract=off -shared -fPIC -o .venv/lib/rondo_elo.so annotation/domain/elo_loop.c \
        -lm 2>/dev/null || rm -f .venv/lib/rondo_elo.so
}

make_environment() {
    began=$(date +%s)
    left=$(megabytes_free .)
    [ "${left:-9999}" -ge 300 ] || give_up "The disk that holds $PWD is full ($left MB left)." \
        "Rondo needs about 3 GB, or 9 GB with CUDA. Free some and run this again."
    need_venv_module
    if [ -e var/rondo.lock ] && command -v flock >/dev/null 2>&1 && ! flock -n var/rondo.lock true; then
        give_up "Rondo is running from this folder, and its libraries have to change." \
            "Stop it (Ctrl-C where ./run is), then run this again."
    fi
    say "Making .venv with $("$python" -V) and installing what pyproject.toml asks for ..."
    "$python" -m venv --clear .venv || explain_failure "Making .venv"
    .venv/bin/python -m pip install -q --disable-pip-version-check "$(grep '^uv==' constraints.txt)" ||
        explain_failure "Installing uv"
    install_requirements "" || explain_failure "Installing"
    build_loops
    echo "$wanted" >.venv/installed
    say "Installed in $(seconds_since "$began")."
}

add_extra() {
    began=$(date +%s)
    say "Installing what [$extra] of pyproject.toml asks for ..."
    install_requirements "--extra $extra" || explain_failure "Installing [$extra]"
    echo "$wanted" >".venv/installed-$extra"
    say "Installed in $(seconds_since "$began")."
}

if [ -L .venv ]; then
    say "Using .venv as it is: it is a link to $(readlink .venv)."
else
    python=$(find_python) || give_up "Rondo needs Python 3.11 or newer; ${PYTHON:-python3} is" \
        "$("${PYTHON:-python3}" -V 2>/dev/null || echo missing). Install it, or name one:" \
        "PYTHON=/path/to/python3.11 $0"
    wanted="$(cat pyproject.toml constraints.txt setup.sh | cksum) $("$python" -V) $python"
    is_current() { [ "$(cat ".venv/$1" 2>/dev/null || true)" = "$wanted" ] && [ -x .venv/bin/python ]; }
    if ! is_current installed || { [ -n "$extra" ] && ! is_current "installed-$extra"; }; then
        mkdir -p var || give_up "This folder cannot be written: $PWD"
        exec 9>var/setup.lock
        trap 'give_up "Interrupted. Nothing half-made will be used: run this again."' INT TERM HUP
        if command -v flock >/dev/null 2>&1 && ! flock -n 9; then
            say "Another set-up is under way in this folder; waiting for it ..."
            flock 9
        fi
        point_uv_at_the_same_places_as_pip
        is_current installed || make_environment
        [ -z "$extra" ] || is_current "installed-$extra" || add_extra
        trap - INT TERM HUP
        exec 9>&-
    fi
fi

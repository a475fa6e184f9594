#!/bin/sh
# Makes sure that there is a C compiler, for the small library by which test/faults fails system calls.
set -u
command -v cc >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 && exit 0
say() { echo "test/faults: $*" >&2; }
if ! command -v apt-get >/dev/null 2>&1; then
  say "there is no C compiler, and no apt-get to install one with: install gcc and the headers of the C library by hand"
  exit 1
fi
say "there is no C compiler: installing gcc from Debian's packages"
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }
as_root apt-get update -q >&2 && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends gcc libc6-dev >&2 && exit 0
say "gcc could not be installed: this needs root, or sudo without a password, and a Debian mirror that can be reached"
exit 1

#!/bin/sh
# What `make bench-peers` measures aclog beside: Debian's servers, where this user may install them, and their clients for
# Node. What cannot be installed is no error: the bench says which system it leaves out, and what to do about it.
cd "$(dirname "$0")" || exit
PATH=$PATH:/usr/sbin

wanted=
command -v nats-server >/dev/null || wanted="$wanted nats-server"
command -v redis-server >/dev/null || wanted="$wanted redis-server"
command -v redis-benchmark >/dev/null || wanted="$wanted redis-tools"
command -v etcd >/dev/null || wanted="$wanted etcd-server"
if [ -n "$wanted" ] && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  echo "installing$wanted" >&2
  # One by one, so that one that is not to be had does not keep the others away.
  for package in $wanted; do
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$package" >/dev/null ||
      echo "apt-get could not install $package (is apt-get update due?)" >&2
  done
fi

if ! cmp -s package-lock.json node_modules/.installed-lock; then
  npm ci --no-audit --no-fund --ignore-scripts --loglevel error >/dev/null && cp package-lock.json node_modules/.installed-lock
fi
exit 0

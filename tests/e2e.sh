#!/bin/sh
# Runs the given tests after installing the programs they need, where that is possible; says loudly what is not there.
# usage: e2e.sh PYTEST TESTS...
set -eu
for wanted in chromium prometheus promtool:prometheus prometheus-alertmanager amtool:prometheus-alertmanager debootstrap; do
  program=${wanted%%:*} package=${wanted#*:}
  command -v "$program" >/dev/null && continue
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing $package ..."
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null ||
      echo "!! $package could not be installed; tests that need $program are skipped" >&2
  else
    echo "!! no $program, and only root may install it (apt install $package); tests that need it are skipped" >&2
  fi
done
exec "$@"

#!/bin/sh
# Runs the given tests after installing the programs they need, where that is possible; says loudly what is not there.
# usage: e2e.sh PYTEST TESTS...
set -eu
for program in chromium; do
  command -v "$program" >/dev/null && continue
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing $program ..."
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$program" >/dev/null ||
      echo "!! $program could not be installed; its tests are skipped" >&2
  else
    echo "!! no $program, and only root may install it (apt install $program); its tests are skipped" >&2
  fi
done
exec "$@"

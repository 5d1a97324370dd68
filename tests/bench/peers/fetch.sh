#!/bin/sh
# Puts the peers of the bench into build/bench/peers, without root and without touching the host:
# Debian packages are downloaded and unpacked, logparser3 gets a virtual environment of its own.
set -u
cd "$(dirname "$0")/../../.." || exit 1
place=$PWD/build/bench/peers
python=${1:-python3}
mkdir -p "$place/debs" "$place/root"

if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
  for package in liblognorm-utils liblognorm5 libestr0 libfastjson4 mtail logdata-anomaly-miner; do
    (cd "$place/debs" && apt-get download -qq "$package" >/dev/null 2>&1) || echo "bench-peers: $package: not to be had" >&2
  done
  for deb in "$place"/debs/*.deb; do
    [ -e "$deb" ] && dpkg-deb -x "$deb" "$place/root"
  done
else
  echo "bench-peers: no apt-get here: lognormalizer, mtail and AMiner are left out" >&2
fi

# logparser3 1.0.4 asks for a release of regex that has no wheel for this Python; any other does.
"$python" -m venv "$place/venv" &&
  "$place/venv/bin/python" -m pip install -qq --disable-pip-version-check --no-deps logparser3==1.0.4 &&
  "$place/venv/bin/python" -m pip install -qq --disable-pip-version-check numpy pandas regex tqdm scipy ||
  echo "bench-peers: logparser3 could not be installed" >&2
ls "$place/root/usr/bin" 2>/dev/null

#!/bin/sh
# Builds the Debian package of this checkout (Debian 12): `make deb`. A virtual environment of its own in /usr/lib/alogd,
# run by Debian's python3.11. usage: build.sh PYTHON DIRECTORY; prints the package's path. Needs dpkg-deb, and an index.
set -eu
python=$1 out=$2
command -v dpkg-deb >/dev/null || { echo "make deb: no dpkg-deb; on Debian: apt install dpkg" >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
  { echo "make deb: Debian 12 has Python 3.11, so it takes 3.11 to build for it; $python is another" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root home=$work/root/usr/lib/alogd
umask 022
mkdir -p "$out" "$root/DEBIAN" "$root/usr/bin" "$home/bin"
chmod 755 "$root"

# From what git knows, as it stands: a build directory left over would find its way into the wheel.
mkdir "$work/tree"
git ls-files -z | xargs -0 tar -cf - | tar -xf - -C "$work/tree"
pip() { "$python" -m pip --disable-pip-version-check -q "$@"; }
pip wheel --no-deps --no-build-isolation -w "$work/wheel" "$work/tree" >&2
pip install --prefix "$home" --ignore-installed --no-compile --no-warn-script-location "$(echo "$work"/wheel/*.whl)[kafka]" >&2

site=$home/lib/python3.11/site-packages
find "$home/bin" -type f ! -name 'alog*' -delete
sed -i '1s|.*|#!/usr/lib/alogd/bin/python3|' "$home"/bin/*
find "$site" -depth -type d \( -name tests -o -name __pycache__ \) -exec rm -rf {} +
find "$site" \( -name '*.pyi' -o -name '*.a' -o -name '*.h' -o -name '*.pyx' -o -name '*.pxd' \) -type f -delete
ln -s /usr/bin/python3.11 "$home/bin/python3"
printf 'home = /usr/bin\ninclude-system-site-packages = false\n' >"$home/pyvenv.cfg"
for program in alogd alog-detect; do ln -s "../lib/alogd/bin/$program" "$root/usr/bin/$program"; done

mkdir -p "$root/lib/systemd" "$root/usr/share/doc/alogd" "$root/etc/alogd"
mv "$home/lib/systemd/system" "$root/lib/systemd/system"
rmdir "$home/lib/systemd"
mv "$home/share/man" "$root/usr/share/man"
gzip -9n "$root"/usr/share/man/man*/*
mv "$home/share/alogd" "$root/usr/share/alogd"
rm -rf "$home/share"
cp "$root/usr/share/alogd/alogd.yaml" "$root/etc/alogd/alogd.yaml"
find "$site" -name '*.so*' -type f -exec chmod 644 {} +
strip --strip-unneeded "$site"/alogd/*.so  # not the others': what auditwheel patched does not survive it

version=$("$python" -c 'import re; print(re.search("__version__ = \"(.*)\"", open("alogd/__init__.py").read())[1])')
arch=$(dpkg --print-architecture)
who=$(sed -n 's/^Maintainer: //p' debian/control.in)
doc=$root/usr/share/doc/alogd
cp debian/copyright "$doc/copyright"
gzip -9nc "$work/tree/CHANGELOG.md" >"$doc/CHANGELOG.md.gz"
printf 'alogd (%s) bookworm; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n -- %s  %s\n' \
  "$version" "$who" "$(date -R -d "@$(git log -1 --format=%ct)")" | gzip -9n >"$doc/changelog.gz"
sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" -e "s/@SIZE@/$(du -sk "$root" | cut -f1)/" debian/control.in >"$root/DEBIAN/control"
echo /etc/alogd/alogd.yaml >"$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do install -m 755 "debian/$script" "$root/DEBIAN/$script"; done
(cd "$root" && find usr lib -type f -exec md5sum {} +) >"$root/DEBIAN/md5sums"
chmod -R go=rX,u+w "$root"
dpkg-deb --root-owner-group -Zxz --build "$root" "$out/alogd_${version}_$arch.deb" >&2
echo "$out/alogd_${version}_$arch.deb"

#!/usr/bin/env bash
# The engine's Python tests on an extension built with AddressSanitizer and UndefinedBehaviorSanitizer, in a copy of
# the tree. Arguments go to pytest. Leaks are looked for where C alone runs (fuzz targets, tests/c), not here: an
# interpreter keeps what it likes.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$PWD/.venv/bin/python
copy=build/sanitize
rm -rf "$copy"
mkdir -p "$copy"
git ls-files -z -co --exclude-standard | xargs -0 tar cf - --ignore-failed-read 2>/dev/null | tar xf - -C "$copy"
[ -e ../shared ] && ln -sfn "$(realpath ../shared)" build/shared
cd "$copy"
flags="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1 -g"
CC=gcc ALOGD_CFLAGS="$flags" "$python" setup.py -q build_ext --inplace
# The loader wants the sanitizer's library first; libstdc++ is for numpy, whose exceptions it must see.
preload="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so) $(gcc -print-file-name=libstdc++.so)"
tests="$*"
# Those that compile C programs of their own have their own sanitizers.
[ -n "$tests" ] || tests="$(ls tests/test_engine_*.py tests/test_drain_*.py tests/test_masks.py tests/test_headers*.py \
  tests/test_windows.py tests/test_features.py tests/test_dfa.py \
  tests/faults/test_engine_reference.py tests/faults/test_engine_snapshot.py | tr '\n' ' ')"
# Left out: memory as the system sees it, which AddressSanitizer does not give back; and hundreds of engines made anew, whose
# memory it fills each time: half an hour. What of the latter is C is fuzzed under the same sanitizers (fuzz_load.c).
left_out="not memory_is_given_back and not changed_files_load_or_are_refused"
# shellcheck disable=SC2086
LD_PRELOAD="$preload" ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
  "$python" -m pytest -q -n 2 --dist worksteal -p no:cacheprovider -m "not slow and not soak" -k "$left_out" $tests

# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0

# Read by tests/lint/tidy and tests/lint/cppcheck.  Goes to the top of the
# tree and sets $sources, the files named on the command line, by default
# all C files, and $flags, those with which make compiles.

here=$(pwd)
top=$(cd "$(dirname "$0")/../.." && pwd)
sources=
for file; do
    sources="$sources $(cd "$here" && realpath "$file")"
done
cd "$top" || exit 1
if [ -z "$sources" ]; then
    sources=$(find flows controller tests -name '*.c' | sort)
fi
flags=$(cat build/compile-flags) || exit 1

/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H 1

/* Fuzz targets
 * ============
 *
 * A target is one file, tests/fuzz/fuzz_NAME.c, that defines the function
 * below and no main().  It is linked twice:
 *
 *     - with replay.c, by any compiler: the program feeds every file of
 *       tests/fuzz/corpus/NAME/ to the target.  "make check" does this, plain
 *       and with sanitizers, so what fuzzing once found stays found.
 *
 *     - with libFuzzer, by "make fuzz": the program searches for new inputs,
 *       for as long as "make fuzz-run" lets it (docs/fuzzing.md).
 *
 * The target must accept every input: it returns 0 always, frees what it
 * allocates, and fails by crashing or by a failed assertion. */

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* tests/fuzz/fuzz.h */

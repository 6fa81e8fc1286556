/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static int
is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Feeds the file 'dir'/'name' to the target.  The input is copied to a block
 * of exactly its size, so that a sanitizer sees a read past its end. */
static void
replay_file(const char *dir, const char *name)
{
    char *path = xasprintf("%s/%s", dir, name);
    FILE *stream = fopen(path, "rb");
    static uint8_t buffer[1 << 20];
    uint8_t *data;
    size_t size;

    if (!stream) {
        ovs_fatal(errno, "%s", path);
    }
    size = fread(buffer, 1, sizeof buffer, stream);
    if (!feof(stream)) {
        ovs_fatal(ferror(stream) ? errno : 0,
                  "%s: unreadable, or larger than %"PRIuSIZE" bytes",
                  path, sizeof buffer - 1);
    }
    fclose(stream);

    /* A crash then says on which input. */
    fprintf(stderr, "%s\n", path);

    data = xmemdup(buffer, size);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    free(path);
}

/* Replays each file of each directory named on the command line.  Not one
 * input at all is a failure: a corpus that has got lost tests nothing. */
int
main(int argc, char *argv[])
{
    int n_inputs = 0;

    for (int i = 1; i < argc; i++) {
        struct dirent **entries;
        int n = scandir(argv[i], &entries, is_visible, alphasort);

        if (n < 0) {
            ovs_fatal(errno, "%s", argv[i]);
        }
        for (int j = 0; j < n; j++) {
            replay_file(argv[i], entries[j]->d_name);
            free(entries[j]);
        }
        free(entries);
        n_inputs += n;
    }

    printf("%d inputs\n", n_inputs);
    return n_inputs ? EXIT_SUCCESS : EXIT_FAILURE;
}

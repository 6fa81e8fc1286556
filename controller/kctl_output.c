/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What commands have put into their output goes to stdout. */

#include <config.h>

#include "controller/kctl.h"

#include <stdio.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

static void
print_oneline(struct ds *output)
{
    ds_chomp(output, '\n');
    for (size_t i = 0; i < output->length; i++) {
        switch (output->string[i]) {
        case '\n':
            fputs("\\n", stdout);
            break;

        case '\\':
            fputs("\\\\", stdout);
            break;

        default:
            putchar(output->string[i]);
        }
    }
    putchar('\n');
}

/* As the user wants it, but the rows of our tables fit a line, and those of
 * "list" and "find" do not. */
static void
print_table(const struct kctl_config *config, const struct ctl_command *c)
{
    struct table_style style = config->style;

    if (!config->format_given && string_ends_with(c->syntax->name, "-list")) {
        style.format = TF_TABLE;
    }
    table_print(c->table, &style);
}

void
kctl_print(const struct kctl_config *config, struct ctl_command *commands,
           size_t n_commands)
{
    for (size_t i = 0; i < n_commands; i++) {
        struct ctl_command *c = &commands[i];

        if (c->table) {
            print_table(config, c);
        } else if (config->oneline) {
            print_oneline(&c->output);
        } else {
            fputs(ds_cstr(&c->output), stdout);
        }
        ds_destroy(&c->output);
        table_destroy(c->table);
        free(c->table);
        shash_destroy_free_data(&c->options);
    }
    free(commands);

    /* Waiting for the controller may take longer than a reader's patience. */
    fflush(stdout);
}

/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* How the output of commands is printed. */

#include <config.h>

#include "controller/kctl_request.h"

#include "db-ctl-base.h"
#include "util.h"

static void
format_oneline(struct ds *output, struct ds *s)
{
    ds_chomp(output, '\n');
    for (size_t i = 0; i < output->length; i++) {
        switch (output->string[i]) {
        case '\n':
            ds_put_cstr(s, "\\n");
            break;

        case '\\':
            ds_put_cstr(s, "\\\\");
            break;

        default:
            ds_put_char(s, output->string[i]);
        }
    }
    ds_put_char(s, '\n');
}

/* As the user wants it, but the rows of our tables fit a line, and those of
 * "list" and "find" do not. */
static void
format_table(const struct kctl_options *options, const struct ctl_command *c,
             struct ds *s)
{
    struct table_style style = options->style;

    if (!options->format_given && string_ends_with(c->syntax->name, "-list")) {
        style.format = TF_TABLE;
    }
    table_format(c->table, &style, s);
}

void
kctl_format_output(struct kctl_request *r, struct ds *s)
{
    table_format_reset();       /* The first table of this request. */
    for (size_t i = 0; i < r->n_commands; i++) {
        struct ctl_command *c = &r->commands[i];

        if (c->table) {
            format_table(&r->options, c, s);
        } else if (r->options.oneline) {
            format_oneline(&c->output, s);
        } else {
            ds_put_cstr(s, ds_cstr(&c->output));
        }
    }
    ds_put_cstr(s, ds_cstr(&r->difference));
}

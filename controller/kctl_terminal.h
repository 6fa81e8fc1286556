/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KCTL_TERMINAL_H
#define CONTROLLER_KCTL_TERMINAL_H 1

/* The terminal of who calls kakehashi-ctl, if there is one.
 *
 * Only the program that was called knows it: a daemon that does the work is
 * told, by options, what is to be known of it.  So none of this is called
 * where a request is run. */

#include <stdbool.h>

/* Is the output for somebody who sees colours, and wants them? */
bool kctl_terminal_has_colors(void);

/* How many columns there are; 0 if the output goes to no terminal. */
unsigned int kctl_terminal_width(void);

/* USER@HOST, for the caller to free. */
char *kctl_terminal_user(void);

/* Returns what is in the file 'name', or comes from stdin if that is "-", for
 * the caller to free.  Puts what is wrong, or NULL, into '*error'. */
char *kctl_terminal_read(const char *name, const char **error);

/* Can a question be asked?  Asks it; is the answer yes? */
bool kctl_terminal_can_ask(void);
bool kctl_terminal_ask(const char *question);

#endif /* controller/kctl_terminal.h */

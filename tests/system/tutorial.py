# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Commands in a page of docs/, and what the page says that they print.

A fenced block whose language is "console" has lines with a prompt, and behind
each the output.  The prompt is the name of a machine and "$ ", or of a program
and "> "; without a name it is this machine.  "..." in the output stands for any text, of several lines
too; so does white space for any white space.  A line with a prompt and no
output after it prints nothing.
"""

import dataclasses
import re

PROMPT = re.compile(r"^(\w*)[$>] (.*)$")


@dataclasses.dataclass
class Step:
    """A command, where it is typed, and what it prints."""

    line: int
    node: str
    command: str
    output: str = ""


def steps(text):
    """The steps of a page, in their order."""
    found, inside = [], False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            inside = line == "```console"
        elif inside:
            prompt = PROMPT.match(line)
            if prompt:
                found.append(Step(number, *prompt.groups()))
            else:
                found[-1].output += line + "\n"
    return found


def matches(expected, printed):
    """Is 'printed' what 'expected' says?"""
    parts = [r"\s+".join(map(re.escape, part.split()))
             for part in expected.split("...")]
    return re.fullmatch(r"\s*" + r"\s*.*?\s*".join(parts) + r"\s*",
                        printed, re.S) is not None

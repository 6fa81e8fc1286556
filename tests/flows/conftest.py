# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from dummy import Switch    # noqa: E402


@pytest.fixture(scope="session")
def switch():
    running = Switch()
    yield running
    running.stop()

#!/usr/bin/env python3
"""Checks the template and the state machine: lints, cross-checks with the code, and runs the machine.

The machine runs on the emulator with functions that only answer, so nothing has to be built.
"""

import os
import subprocess
import sys
import unittest
from pathlib import Path

from local_stack import environment
from local_stack.paths import TEMPLATE

TESTS = Path(__file__).with_name("tests")


def main() -> int:
    environment.enter("emulator")
    lint = environment.ensure("lint")
    quiet = os.environ | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}
    for command in (["cfn-lint", TEMPLATE], ["sam", "validate", "--lint", "--template-file", TEMPLATE]):
        subprocess.run([lint / command[0], *command[1:]], check=True, env=quiet)
    suite = unittest.defaultTestLoader.discover(str(TESTS), top_level_dir=str(TESTS.parent))
    return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())

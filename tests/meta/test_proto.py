"""The generated gRPC code is what the contract in ``proto/`` says now."""

from __future__ import annotations

import subprocess
import sys

from tests.meta.tree import ROOT


def test_generated_code_is_up_to_date():
    done = subprocess.run([sys.executable, ROOT / "proto" / "generate.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, f"run `make proto`:\n{done.stdout}{done.stderr}"

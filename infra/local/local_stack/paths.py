"""Where things are in a checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = ROOT / "infra" / "template.yaml"
MACHINE = ROOT / "infra" / "statemachine" / "relocation.asl.json"

# Everything the local stack makes is in here, and git ignores it.
STATE = ROOT / ".local"

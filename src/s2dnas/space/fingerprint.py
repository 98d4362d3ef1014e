"""Which network of a plan weights belong to: equal shapes hide another plan, or other units in each stage."""

import hashlib
import json

from s2dnas.graph.channels import ChannelGraph
from s2dnas.space.plan import Plan


def fingerprint(graph: ChannelGraph, plan: Plan) -> str:
    """The plan's key, a hyphen, and 16 hexadecimal digits of the couplings' units in their order (both by SHA-256).

    Networks of one captured network compute the same with the same weights only if their fingerprints are equal.
    """
    units = {coupling.name: coupling.units.tolist() for coupling in graph.couplings}
    order = hashlib.sha256(json.dumps(units, sort_keys=True).encode()).hexdigest()
    return f"{plan.key}-{order[:16]}"

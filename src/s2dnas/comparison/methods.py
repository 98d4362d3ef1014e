"""The methods that are compared, in the order in which they are shown."""

METHODS = {
    "s2dnas": "measure_s2dnas",
    "naive-uniform": "measure_naive_uniform",
    "naive-cascade": "measure_naive_cascade",
    "branchynet": "measure_branchynet",
    "msdnet": "measure_msdnet",
    "msdnet-q": "measure_msdnet_q",
    "lccl": "measure_lccl",
    "blockdrop": "measure_blockdrop",
}
"""Which function of ``comparison.contenders`` measures each; it is looked up then, so that the names cost nothing."""

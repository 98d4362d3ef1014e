"""The staged network: a plan built into stages of plain dense layers, which run one after the other."""

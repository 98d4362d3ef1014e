"""The masked network: every plan of a search space as the static network's weights times zeros and ones."""

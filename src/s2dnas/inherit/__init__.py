"""What a plan's network starts from: the static network's weights, widened, fitted and with statistics of their own."""

"""One static network, all methods that make it cheaper, on equal terms: one command, one table, one plot."""

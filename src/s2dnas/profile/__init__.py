"""How long plans take on this machine: layers are timed one by one, plans predicted from them."""

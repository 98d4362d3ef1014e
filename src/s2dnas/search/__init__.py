"""Choose a plan: strategies that ask and are told, the scores that they are told, and the loop between the two."""

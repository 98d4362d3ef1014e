"""What most programs need: a network to hold, a plan to find, a rule to calibrate, or one call for all of it."""

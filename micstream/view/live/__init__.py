"""The live view: all of a terminal, as a picture of the state. `screen` alone loads textual."""

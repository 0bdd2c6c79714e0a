"""The live view: all of a terminal, as a picture of the state. textual is loaded by `screen` alone."""

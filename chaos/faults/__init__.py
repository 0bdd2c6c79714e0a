"""The rows of the fault table, one file a family."""

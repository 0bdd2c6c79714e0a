"""Report: a record as one page, with its timeline drawn. Pure."""

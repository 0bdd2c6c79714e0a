"""Pure: one avatar's sound, from the segment event to the report that it was played."""

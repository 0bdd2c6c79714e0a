"""The avatar's side of things: the wire, the room, what is outstanding."""

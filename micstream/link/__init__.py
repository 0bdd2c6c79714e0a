"""Links to the room and to the avatars in it, as pure state machines: time is handed in."""

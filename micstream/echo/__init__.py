"""Echo guard: the avatar's voice from the loudspeakers is not taken for the performer's."""

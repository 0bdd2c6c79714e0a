"""The avatar's own server: asked to bring it in, supervised, taken out."""

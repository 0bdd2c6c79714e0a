"""A scripted show on the real parts, after which all accounts of it must agree."""

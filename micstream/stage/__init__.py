"""The page that shows the avatar, and the small server that gives it out.

The page itself is written in `page/` and built into `static/` (see `tools/build_page.py`).
"""

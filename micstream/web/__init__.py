"""Small servers for pages and programs: who may ask, and the port."""

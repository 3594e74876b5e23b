"""Parts of fetch.py: what to ask for, asking, following pages, and keeping what came."""

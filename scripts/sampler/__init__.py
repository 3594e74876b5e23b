"""Parts of generate_sample.py: the days, the situations to plant, and the writing."""

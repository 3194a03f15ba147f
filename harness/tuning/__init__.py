"""Tuning: the space of a pair, a study of trials in it, and the workers that train them."""

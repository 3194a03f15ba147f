"""Film reviews, word by word."""

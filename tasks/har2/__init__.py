"""Activities of people, in two groups, from the sensors of a smartphone."""

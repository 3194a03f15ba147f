"""A leaky-integrator network and a recall task for the benchmark harness."""

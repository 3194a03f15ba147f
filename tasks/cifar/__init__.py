"""CIFAR-10 as sequences, row by row with noise behind, or pixel by pixel."""

"""Rules of experimental asset markets: exact, pure, without I/O, clock or global randomness."""

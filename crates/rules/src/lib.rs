//! What a switch is, when it is allowed, and what follows from it: pure, no I/O, no clock.

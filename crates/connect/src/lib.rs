//! How a target is reached: address, TCP, deadlines.

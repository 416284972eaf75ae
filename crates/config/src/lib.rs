//! From the configuration file to its meaning, with every problem and its position.

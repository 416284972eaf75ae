//! The life of a switch: api, controller, journal, publish, drain.

pub mod journal;

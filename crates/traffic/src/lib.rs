//! Where the two planes meet: table, publish with acknowledgement, leases, drain, counters.

//! The strict load client, its ledger and the demo target: what proves that nothing is lost.

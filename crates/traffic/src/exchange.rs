//! The two ends of the exchange between the planes, made together.

use crate::adopt::Seat;
use crate::publish::{Exchange, Publisher};
use crate::sync::Arc;
use crate::table::Table;

/// Makes the two ends: one publisher, and a seat for each of `workers`, all beginning with `table`, which
/// counts as acknowledged.
pub fn exchange(workers: usize, table: Table) -> (Publisher, Vec<Seat>) {
    let table = Arc::new(table);
    let exchange = Arc::new(Exchange::new(workers, table.clone()));
    let seats =
        (0..workers).map(|worker| Seat::new(worker, exchange.clone(), table.clone())).collect();
    (Publisher::of(exchange), seats)
}

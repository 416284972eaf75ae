//! The two ends of the channel between the planes, made together.

use crate::adopt::Subscription;
use crate::publish::{Publisher, TableChannel};
use crate::sync::Arc;
use crate::table::Table;

/// Makes the two ends: one publisher, and a subscription for each of `workers`, all beginning with `table`, which
/// counts as acknowledged.
pub fn table_channel(workers: usize, table: Table) -> (Publisher, Vec<Subscription>) {
    let table = Arc::new(table);
    let channel = Arc::new(TableChannel::new(workers, table.clone()));
    let subscriptions = (0..workers)
        .map(|worker| Subscription::new(worker, channel.clone(), table.clone()))
        .collect();
    (Publisher::of(channel), subscriptions)
}

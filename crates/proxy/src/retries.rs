//! The budget of retries: too small for retries to make an outage worse.

use std::cell::RefCell;
use std::collections::BTreeMap;

use rules::ServiceName;
use traffic::LocalService;

/// Requests that earn one retry.
const REQUESTS_PER_RETRY: f64 = 5.0; // 20 %

/// The retries allowed before any request has earned one, and the most that are saved up.
const FIRST: f64 = 10.0;
const SAVED: f64 = 1000.0;

/// The retries left to the services of one worker.
#[derive(Debug, Default)]
pub(crate) struct Budgets {
    services: RefCell<BTreeMap<ServiceName, Budget>>,
}

#[derive(Clone, Copy, Debug)]
struct Budget {
    retries: f64,
    /// Requests of the service that earn towards the next retry.
    counted: u64,
}

impl Budgets {
    /// Returns true if one more retry is allowed. True uses up budget.
    pub(crate) fn take(&self, service: &LocalService) -> bool {
        let accepted = service.cell().accepted.value();
        let mut services = self.services.borrow_mut();
        let budget =
            services.entry(service.name.clone()).or_insert(Budget { retries: FIRST, counted: 0 });
        budget.take(accepted)
    }
}

impl Budget {
    fn take(&mut self, accepted: u64) -> bool {
        let earned = accepted.saturating_sub(self.counted) as f64 / REQUESTS_PER_RETRY;
        self.counted = accepted;
        self.retries = (self.retries + earned).min(SAVED);
        if self.retries < 1.0 {
            return false;
        }
        self.retries -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_the_requests_may_be_sent_again() {
        // L5
        let mut budget = Budget { retries: FIRST, counted: 0 };
        let first = (0..100).filter(|_| budget.take(0)).count();
        assert_eq!(first, 10, "before anything is earned");
        let retries = (1..=1000).filter(|accepted| budget.take(*accepted)).count();
        assert_eq!(retries, 200);
    }

    #[test]
    fn saved_up_retries_are_bounded() {
        let mut budget = Budget { retries: FIRST, counted: 0 };
        let retries = (0..5000).filter(|_| budget.take(1_000_000)).count();
        assert_eq!(retries, 1000);
    }
}

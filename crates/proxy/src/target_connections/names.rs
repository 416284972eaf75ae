//! TLS server names taken from requests (`tls.server_name = "host"`), per worker: each has its own connections,
//! so that none carries a request for another name.
//!
//! Guarantees: a bounded number of names per target, whatever clients ask for; beyond it the least used is
//! dropped, with its idle connections.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use traffic::TargetId;

use crate::failure::Failure;

/// The names of one worker.
#[derive(Debug, Default)]
pub(crate) struct Names {
    targets: RefCell<BTreeMap<TargetId, HashMap<Rc<str>, Known>>>,
    /// The numbers of known names.
    live: RefCell<HashSet<u64>>,
    /// The last number assigned; none is reused.
    last: Cell<u64>,
}

/// A name and its number, which is never 0.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) number: u64,
    pub(crate) host: Rc<str>,
    /// A connection was made with it before, so the target knows it.
    pub(crate) served: bool,
}

#[derive(Debug)]
struct Known {
    number: u64,
    /// Requests for it; halved whenever another name is dropped, so that a name used often long ago does not stay.
    uses: u32,
    used: Instant,
    served: bool,
}

/// The most names of one target with pooled connections.
const MOST: usize = 256;

/// The time for which an unused name is kept.
const UNUSED: Duration = Duration::from_secs(600);

impl Names {
    /// Returns the name, which is known from now on, and the number of a name that was dropped for it.
    ///
    /// # Errors
    /// If the name is not valid in a certificate.
    pub(crate) fn find(
        &self,
        target: TargetId,
        host: &str,
        now: Instant,
    ) -> Result<(Name, Option<u64>), Failure> {
        let mut targets = self.targets.borrow_mut();
        if let Some((host, known)) = targets
            .get_mut(&target)
            .and_then(|names| Some((names.get_key_value(host)?.0.clone(), names.get_mut(host)?)))
        {
            known.uses = known.uses.saturating_add(1);
            known.used = now;
            return Ok((Name { number: known.number, host, served: known.served }, None));
        }
        connect::server_name(host).map_err(|_| Failure::Unspeakable)?;
        let names = targets.entry(target).or_default();
        let given_up = if names.len() < MOST { None } else { rarest(names) };
        if let Some(number) = given_up {
            names.retain(|_, known| known.number != number);
            for known in names.values_mut() {
                known.uses /= 2;
            }
        }
        let number = self.last.get() + 1;
        self.last.set(number);
        let host: Rc<str> = host.into();
        names.insert(host.clone(), Known { number, uses: 1, used: now, served: false });
        let mut live = self.live.borrow_mut();
        live.insert(number);
        if let Some(number) = given_up {
            live.remove(&number);
        }
        Ok((Name { number, host, served: false }, given_up))
    }

    /// A connection was made with this name.
    pub(crate) fn served(&self, target: TargetId, name: &Name) {
        let mut targets = self.targets.borrow_mut();
        if let Some(known) = targets.get_mut(&target).and_then(|names| names.get_mut(&name.host)) {
            known.served = true;
        }
    }

    /// Returns true if connections are pooled for the name with this number; 0: no name from a request.
    pub(crate) fn is_kept(&self, number: u64) -> bool {
        number == 0 || self.live.borrow().contains(&number)
    }

    /// Forgets names that were not used for a long time; returns their numbers, whose connections are to be closed.
    pub(crate) fn sweep(&self, now: Instant) -> Vec<(TargetId, u64)> {
        let mut live = self.live.borrow_mut();
        let mut forgotten = Vec::new(); // allocates only if there are some
        self.targets.borrow_mut().retain(|target, names| {
            names.retain(|_, known| {
                let stays = now < known.used + UNUSED;
                if !stays {
                    live.remove(&known.number);
                    forgotten.push((*target, known.number));
                }
                stays
            });
            !names.is_empty()
        });
        forgotten
    }
}

fn rarest(names: &HashMap<Rc<str>, Known>) -> Option<u64> {
    names.values().min_by_key(|known| (known.uses, known.used)).map(|known| known.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r49_random_names_drive_out_none_that_is_asked_for_often() {
        let (names, now, target) = (Names::default(), Instant::now(), TargetId(1));
        let find = |host: &str, at: u64| {
            let at = now + Duration::from_millis(at);
            names.find(target, host, at).expect("a name").0.number
        };
        let often = find("often.test", 0);
        for count in 0..10_000 {
            assert_eq!(find("often.test", count), often);
            find(&format!("x{count}.test"), count);
        }
        assert_eq!(names.targets.borrow()[&target].len(), MOST);
        assert_eq!(names.live.borrow().len(), MOST);
        assert!(names.is_kept(often) && names.is_kept(0) && !names.is_kept(often + 1));
        let forgotten = names.sweep(now + UNUSED + Duration::from_secs(10));
        assert!(forgotten.len() == MOST && forgotten.contains(&(target, often)));
        assert!(names.targets.borrow().is_empty() && names.live.borrow().is_empty());
    }

    #[test]
    fn r49_a_name_is_of_the_target_once_a_connection_was_made_by_it() {
        let (names, target) = (Names::default(), TargetId(1));
        let find = |host| names.find(target, host, Instant::now()).expect("a name").0;
        names.served(target, &find("known.test"));
        assert!(find("known.test").served && !find("tried.test").served);
        assert!(!find("tried.test").served);
    }

    #[test]
    fn r49_a_host_that_no_certificate_can_be_for_is_refused() {
        let names = Names::default();
        let found = names.find(TargetId(1), "a..b", Instant::now());
        assert!(matches!(found, Err(Failure::Unspeakable)));
        assert!(names.targets.borrow().is_empty());
    }
}

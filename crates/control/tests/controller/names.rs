//! Names whose addresses can change.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use control::Resolver;

/// The addresses of names, and the number of lookups of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    addresses: HashMap<String, Vec<SocketAddr>>,
    lookups: usize,
    unanswered_from: Option<usize>, // by lookup
}

impl Names {
    /// From now on a name leads there, whatever the port that it is asked with.
    pub(crate) fn set(&self, name: &str, address: SocketAddr) {
        self.set_all(name, &[address]);
    }

    /// From now on a name leads to all of these.
    pub(crate) fn set_all(&self, name: &str, addresses: &[SocketAddr]) {
        self.0.lock().unwrap().addresses.insert(name.to_owned(), addresses.to_vec());
    }

    /// From now on a name has no address.
    pub(crate) fn forget(&self, name: &str) {
        self.0.lock().unwrap().addresses.remove(name);
    }

    /// The number of lookups of any name so far.
    pub(crate) fn lookups(&self) -> usize {
        self.0.lock().unwrap().lookups
    }

    /// Only so many more lookups are answered.
    pub(crate) fn answer_only(&self, lookups: usize) {
        let mut book = self.0.lock().unwrap();
        book.unanswered_from = Some(book.lookups + lookups);
    }

    pub(crate) fn resolver(&self) -> Resolver {
        let names = self.clone();
        Resolver::new(move |name, _| {
            let mut book = names.0.lock().unwrap();
            let answered = book.unanswered_from.is_none_or(|from| book.lookups < from);
            book.lookups += 1;
            if !answered {
                return Err(ErrorKind::TimedOut.into());
            }
            let found = book.addresses.get(name);
            found.cloned().ok_or(io::Error::from(ErrorKind::NotFound))
        })
    }
}

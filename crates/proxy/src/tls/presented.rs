//! The certificate that a client has shown in its handshake.

use std::cell::Cell;

use rustls::pki_types::CertificateDer;

use super::TlsDoor;

/// A client's certificate, verified in its handshake.
#[derive(Debug)]
pub(crate) struct Presented {
    chain: Vec<CertificateDer<'static>>,
    /// The turn of the CAs at which it was last verified, and what came of it.
    verified: Cell<(u64, bool)>,
}

impl Presented {
    /// One that was verified by the CAs of this turn, or of a later one.
    pub(super) fn new(chain: &[CertificateDer<'_>], turn: u64) -> Self {
        let chain = chain.iter().map(|one| one.clone().into_owned()).collect();
        Self { chain, verified: Cell::new((turn, true)) }
    }

    /// Whether its client would be let in now. Verifies anew once after a change of the CAs.
    pub(crate) fn is_trusted(&self, door: &TlsDoor) -> bool {
        let (seen, trusted) = self.verified.get();
        let turn = door.turn();
        if seen == turn {
            return trusted;
        }
        let trusted = trusted && door.trusts(&self.chain);
        self.verified.set((turn, trusted));
        trusted
    }
}

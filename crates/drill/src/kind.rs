//! The kinds of request in the load, and their order.
//!
//! The kind follows from the request's number alone, so every run has the same mix
//! and a ledger can be read without knowing what was drawn.

/// One kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// GET on a keep-alive connection.
    Get,
    /// GET that asks for the connection to be closed.
    GetClose,
    /// GET that is sent together with others, before their answers.
    Pipelined,
    /// POST with a Content-Length.
    Post,
    /// POST with `Expect: 100-continue` (RFC 9110 section 10.1.1).
    Expect,
    /// POST with a chunked body that takes a few steps.
    Upload,
    /// GET of a large body with a Content-Length.
    Download,
    /// GET of a large chunked body.
    DownloadChunked,
    /// POST of 10 MB.
    BigUpload,
    /// GET of 10 MB.
    BigDownload,
    /// GET that the target answers slowly.
    Slow,
    /// A short stream of server-sent events.
    Events,
    /// A WebSocket session.
    Tunnel,
    /// GET of one page of an application that does not know the drill.
    Page,
    /// A request of the caller's own.
    Own,
}

/// Share of each kind in the mix, in hundredths of a percent.
const MIX: [(Kind, u64); 12] = [
    (Kind::Get, 5_898),
    (Kind::Post, 1_600),
    (Kind::Upload, 800),
    (Kind::Download, 400),
    (Kind::DownloadChunked, 400),
    (Kind::GetClose, 300),
    (Kind::Expect, 200),
    (Kind::Slow, 200),
    (Kind::Pipelined, 100),
    (Kind::Events, 100),
    (Kind::BigUpload, 1),
    (Kind::BigDownload, 1),
];

impl Kind {
    /// The kind of the request with this number in the mix.
    pub(crate) fn mixed(number: u64) -> Self {
        let mut rest = scramble(number) % 10_000;
        for (kind, share) in MIX {
            if rest < share {
                return kind;
            }
            rest -= share;
        }
        Self::Get
    }

    /// The method of its request. A request of the caller's own says itself; here it is taken for one that must not
    /// be sent twice.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Post | Self::Expect | Self::Upload | Self::BigUpload | Self::Own => "POST",
            Self::Get
            | Self::GetClose
            | Self::Pipelined
            | Self::Download
            | Self::DownloadChunked
            | Self::BigDownload
            | Self::Slow
            | Self::Events
            | Self::Tunnel
            | Self::Page => "GET",
        }
    }

    /// Returns true if sending it twice is allowed (RFC 9110 section 9.2.2).
    pub(crate) fn idempotent(self) -> bool {
        self.method() == "GET"
    }
}

/// A well-mixed function of a number (the finalizer of SplitMix64).
pub(crate) fn scramble(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_has_every_kind_in_about_its_share() {
        assert_eq!(MIX.iter().map(|(_, share)| share).sum::<u64>(), 10_000);
        for (kind, share) in MIX {
            let count = (0..1_000_000).filter(|&number| Kind::mixed(number) == kind).count() as u64;
            let expected = share * 100;
            assert!(
                count.abs_diff(expected) < 60 + expected / 50,
                "{kind:?}: {count}, expected {expected}"
            );
        }
    }
}

//! The words in which the books are kept: why Teal answered itself, why a request was cut.

macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $label:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }
        impl $name {
            /// All values, in the order of the cells.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            pub(super) const COUNT: usize = Self::ALL.len();
            /// The word used in metrics, logs and `Proxy-Status`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $label,)* }
            }
        }
    };
}

labels! {
    /// Why Teal answered a request itself.
    OwnReason {
        /// The request was malformed (400).
        BadRequest = "bad_request",
        /// No service has this host and path (404).
        NoRoute = "no_route",
        /// The method is not served (405 or 501).
        MethodRefused = "method_refused",
        /// The request did not arrive in time (408).
        RequestTimeout = "request_timeout",
        /// The body was over the limit (413).
        BodyTooLarge = "body_too_large",
        /// The request target was over the limit (414).
        TargetTooLong = "target_too_long",
        /// The expectation is unknown (417).
        UnknownExpectation = "unknown_expectation",
        /// The host is not the name that the TLS handshake was for (421).
        Misdirected = "misdirected",
        /// The client's certificate is not trusted any more (421).
        ClientDistrusted = "client_distrusted",
        /// A login that binds its connection came over HTTP/2: asked for again over HTTP/1.1 (reset).
        Http1Required = "http1_required",
        /// It belongs under `https` (308).
        RedirectedToHttps = "redirected_to_https",
        /// An authority of certificates was shown that a name is ours (200).
        AcmeChallenge = "acme_challenge",
        /// A load balancer asked whether this Teal serves (200, or 503 once it stops).
        HealthCheck = "health_check",
        /// The head was over the limits (431).
        HeadTooLarge = "head_too_large",
        /// The protocol version or transfer coding is not spoken (501, 505).
        Unsupported = "unsupported",
        /// The request came from this very Teal (508).
        Loop = "loop",
        /// `Max-Forwards` reached zero (200).
        MaxForwards = "max_forwards",
        /// No target could be connected (502).
        TargetUnavailable = "target_unavailable",
        /// The target broke off or answered malformed (502).
        TargetFailed = "target_failed",
        /// A reused connection was closed by the target just then (502).
        StaleLost = "stale_lost",
        /// The target did not answer in time (504).
        ResponseTimeout = "response_timeout",
        /// The drain deadline passed before the answer began (504).
        DrainDeadline = "drain_deadline",
        /// Held beyond the longest wait (503).
        HeldTooLong = "held_too_long",
        /// Held beyond the caps (503).
        HoldFull = "hold_full",
        /// Teal was stopping and its deadline passed (503).
        Stopping = "stopping",
    }
}

labels! {
    /// Why a request that Teal accepted ended without a whole answer.
    AbortCause {
        /// The client went away or broke the rules midway.
        Client = "client",
        /// Its connection was ended for another request on it that broke the rules (HTTP/2).
        Connection = "connection",
        /// The target broke off after its answer had begun.
        Target = "target",
        /// The drain deadline cut it.
        Drain = "drain",
        /// Another deadline cut it.
        Deadline = "deadline",
        /// Teal stopped, and its deadline cut it.
        Shutdown = "shutdown",
    }
}

labels! {
    /// Why a TLS handshake with a client failed.
    HandshakeFailure {
        /// It was not done within `tls_hello`.
        Timeout = "timeout",
        /// The client went away.
        Closed = "closed",
        /// What came was not TLS.
        NotTls = "not_tls",
        /// The client speaks no version or cipher that is served here.
        Unsupported = "unsupported",
        /// No certificate has the name that it asked for.
        UnknownName = "unknown_name",
        /// The client showed no certificate, or one that is not trusted.
        ClientCertificate = "client_certificate",
        /// The client refused: often it does not trust the certificate.
        Refused = "refused",
        /// Anything else.
        Other = "other",
    }
}

labels! {
    /// How a reload ended.
    ReloadEnd {
        /// It is in force.
        Done = "done",
        /// Nothing had changed.
        Unchanged = "unchanged",
        /// It was refused, and what was in force stays.
        Refused = "refused",
    }
}

labels! {
    /// How an upgrade ended.
    UpgradeEnd {
        /// A newer Teal serves.
        Done = "done",
        /// It did not come about, or the newer Teal died within its trial: this one serves on.
        Failed = "failed",
    }
}

labels! {
    /// How a switch ended.
    SwitchEnd {
        /// The old color drained in time.
        Drained = "drained",
        /// The drain deadline cut leases.
        Cut = "cut",
        /// A newer change took over.
        Superseded = "superseded",
        /// Refused by the gate.
        Refused = "refused",
        /// Not every worker acknowledged within a second.
        Incomplete = "incomplete",
    }
}

/// Who answered a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsweredBy {
    /// A target of this color.
    Color(rules::Color),
    /// Teal itself.
    Teal(OwnReason),
}

impl AnsweredBy {
    /// Returns why it was Teal that answered; empty if it was a target.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Color(_) => "",
            Self::Teal(reason) => reason.as_str(),
        }
    }
}

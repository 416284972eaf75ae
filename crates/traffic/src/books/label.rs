//! The labels of the books: reasons for Teal's own answers, causes of aborts, ends of changes.

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
    /// The reason why Teal answered a request itself.
    OwnReason {
        /// The request was malformed (400).
        BadRequest = "bad_request",
        /// No service has this host and path (404).
        NoRoute = "no_route",
        /// The method is not allowed (405 or 501).
        MethodRefused = "method_refused",
        /// The request did not arrive in time (408).
        RequestTimeout = "request_timeout",
        /// The body exceeded the limit (413).
        BodyTooLarge = "body_too_large",
        /// The request target exceeded the limit (414).
        TargetTooLong = "target_too_long",
        /// The expectation is unknown (417).
        UnknownExpectation = "unknown_expectation",
        /// The host is not the server name (SNI) of the TLS handshake (421).
        Misdirected = "misdirected",
        /// The client's certificate is no longer trusted (421).
        ClientDistrusted = "client_distrusted",
        /// A login that binds its connection came over HTTP/2 and must be retried over HTTP/1.1 (reset).
        Http1Required = "http1_required",
        /// The request was redirected to `https` (308).
        RedirectedToHttps = "redirected_to_https",
        /// A CA's ACME challenge was answered (200).
        AcmeChallenge = "acme_challenge",
        /// A load balancer asked whether this Teal serves (200, or 503 once it stops).
        HealthCheck = "health_check",
        /// The head exceeded the limits (431).
        HeadTooLarge = "head_too_large",
        /// The protocol version or transfer coding is not supported (501, 505).
        Unsupported = "unsupported",
        /// The request has already passed this Teal (508).
        Loop = "loop",
        /// `Max-Forwards` reached zero (200).
        MaxForwards = "max_forwards",
        /// The active color has no targets, because nothing was deployed yet (503).
        NoTargets = "no_targets",
        /// No target could be connected (502).
        TargetUnavailable = "target_unavailable",
        /// The target broke off, or its answer was malformed (502).
        TargetFailed = "target_failed",
        /// The target closed a reused connection just then (502).
        StaleLost = "stale_lost",
        /// The target did not answer in time (504).
        ResponseTimeout = "response_timeout",
        /// The drain deadline passed before the answer began (504).
        DrainDeadline = "drain_deadline",
        /// Held for longer than the longest wait (503).
        HeldTooLong = "held_too_long",
        /// The hold queue was full (503).
        HoldFull = "hold_full",
        /// The service is in maintenance (503).
        Maintenance = "maintenance",
        /// A link with a preview token was answered by a cookie and a redirect (303).
        PreviewBegins = "preview_begins",
        /// The preview token is not valid (403).
        PreviewRefused = "preview_refused",
        /// The idle color cannot be previewed now (503).
        PreviewUnavailable = "preview_unavailable",
        /// Teal was stopping and its deadline passed (503).
        Stopping = "stopping",
    }
}

labels! {
    /// The cause why an accepted request ended without a complete answer.
    AbortCause {
        /// The client went away or broke the protocol midway.
        Client = "client",
        /// Its connection was closed because another request on it broke the protocol (HTTP/2).
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
    /// The reason why a TLS handshake with a client failed.
    HandshakeFailure {
        /// It was not completed within `tls_hello`.
        Timeout = "timeout",
        /// The client went away.
        Closed = "closed",
        /// The client did not speak TLS.
        NotTls = "not_tls",
        /// The client supports no TLS version or cipher suite that is accepted here.
        Unsupported = "unsupported",
        /// No certificate has the server name that it asked for.
        UnknownName = "unknown_name",
        /// The client sent no certificate, or one that is not trusted.
        ClientCertificate = "client_certificate",
        /// The client refused with an alert: often it does not trust the certificate.
        Refused = "refused",
        /// Anything else.
        Other = "other",
    }
}

labels! {
    /// The outcome of a reload.
    ReloadEnd {
        /// It is in force.
        Done = "done",
        /// Nothing had changed.
        Unchanged = "unchanged",
        /// It was refused; the old configuration stays in force.
        Refused = "refused",
    }
}

labels! {
    /// The outcome of an upgrade.
    UpgradeEnd {
        /// A newer Teal serves.
        Done = "done",
        /// The newer Teal did not start, or ended within its trial: this one continues to serve.
        Failed = "failed",
    }
}

labels! {
    /// The outcome of a switch.
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

/// The side that answered a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsweredBy {
    /// A target of this color.
    Color(rules::Color),
    /// Teal itself.
    Teal(OwnReason),
}

impl AnsweredBy {
    /// Returns the reason why Teal answered itself; empty if it was a target.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Color(_) => "",
            Self::Teal(reason) => reason.as_str(),
        }
    }
}

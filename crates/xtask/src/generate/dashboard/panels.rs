//! The panels: what a person on call wants to see, from the top.
//!
//! `OF` and `AT` stand for the selectors of a service and of an instance, as the variables of the dashboard choose
//! them.

/// A row of panels under a heading.
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) panels: &'static [Panel],
}

/// A graph.
pub(super) struct Panel {
    pub(super) title: &'static str,
    /// The unit of its values, as Grafana calls it.
    pub(super) unit: &'static str,
    pub(super) look: Look,
    pub(super) queries: &'static [Query],
}

/// The way in which values are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Lines over time.
    Lines,
    /// Lines over time, one on top of the other.
    Stacked,
    /// 1 or 0 over time, as colored bands: green and red.
    State,
    /// 1 or 0 over time, of which neither is bad.
    Flag,
    /// The last value, green at zero and red otherwise.
    Zero,
}

/// One query of a graph.
pub(super) struct Query {
    pub(super) expression: &'static str,
    pub(super) legend: &'static str,
}

/// Changes of routing, which are drawn as lines through all graphs.
pub(super) const SWITCHES: &str = "changes(teal_service_generation{AT,OF}[1m]) > 0";

pub(super) const ROWS: &[Row] = &[
    Row {
        title: "Traffic",
        panels: &[
            Panel {
                title: "Responses by color",
                unit: "reqps",
                look: Look::Stacked,
                queries: &[Query {
                    expression: "sum by (service, by) (rate(teal_requests_answered_total{AT,OF}[$__rate_interval]))",
                    legend: "{{service}} {{by}}",
                }],
            },
            Panel {
                title: "Errors",
                unit: "reqps",
                look: Look::Lines,
                queries: &[
                    Query {
                        expression: "sum by (service, color, class) (rate(teal_target_requests_total{AT,OF,class=~\"5xx|failed\"}[$__rate_interval]))",
                        legend: "{{service}} {{color}} {{class}}",
                    },
                    Query {
                        expression: "sum by (service, reason) (rate(teal_requests_answered_total{AT,OF,by=\"teal\"}[$__rate_interval]))",
                        legend: "{{service}} teal {{reason}}",
                    },
                    Query {
                        expression: "sum by (service, cause) (rate(teal_requests_aborted_total{AT,OF}[$__rate_interval]))",
                        legend: "{{service}} aborted {{cause}}",
                    },
                ],
            },
            Panel {
                title: "Time to answer, p50 and p99",
                unit: "s",
                look: Look::Lines,
                queries: &[
                    Query {
                        expression: "histogram_quantile(0.5, sum by (le, service, color) (rate(teal_request_duration_seconds_bucket{AT,OF}[$__rate_interval])))",
                        legend: "{{service}} {{color}} p50",
                    },
                    Query {
                        expression: "histogram_quantile(0.99, sum by (le, service, color) (rate(teal_request_duration_seconds_bucket{AT,OF}[$__rate_interval])))",
                        legend: "{{service}} {{color}} p99",
                    },
                ],
            },
            Panel {
                title: "In flight",
                unit: "short",
                look: Look::Lines,
                queries: &[
                    Query {
                        expression: "sum by (service, color) (teal_requests_in_flight{AT,OF})",
                        legend: "{{service}} {{color}}",
                    },
                    Query {
                        expression: "sum by (service) (teal_tunnels_open{AT,OF})",
                        legend: "{{service}} tunnels",
                    },
                    Query {
                        expression: "sum by (service) (teal_requests_waiting{AT,OF})",
                        legend: "{{service}} waiting",
                    },
                ],
            },
        ],
    },
    Row {
        title: "Switches and drains",
        panels: &[
            Panel {
                title: "Active color",
                unit: "short",
                look: Look::Flag,
                queries: &[Query {
                    expression: "teal_active{AT,OF}",
                    legend: "{{service}} {{color}}",
                }],
            },
            Panel {
                title: "Switches and deploys by result",
                unit: "short",
                look: Look::Lines,
                queries: &[
                    Query {
                        expression: "sum by (service, result) (increase(teal_switches_total{AT,OF}[$__rate_interval]))",
                        legend: "{{service}} switch {{result}}",
                    },
                    Query {
                        expression: "sum by (service, result) (increase(teal_deploys_total{AT,OF}[$__rate_interval]))",
                        legend: "{{service}} deploy {{result}}",
                    },
                ],
            },
            Panel {
                title: "Leases",
                unit: "short",
                look: Look::Lines,
                queries: &[Query {
                    expression: "teal_leases{AT,OF}",
                    legend: "{{service}} {{color}}",
                }],
            },
            Panel {
                title: "Oldest lease, and what drains cut",
                unit: "s",
                look: Look::Lines,
                queries: &[
                    Query {
                        expression: "teal_oldest_lease_seconds{AT,OF}",
                        legend: "{{service}} {{color}}",
                    },
                    Query {
                        expression: "sum by (service, color, what) (increase(teal_drain_cut_total{AT,OF}[$__rate_interval]))",
                        legend: "{{service}} {{color}} cut ({{what}})",
                    },
                ],
            },
        ],
    },
    Row {
        title: "Health",
        panels: &[
            Panel {
                title: "A switch to the color would pass the gate",
                unit: "short",
                look: Look::State,
                queries: &[Query {
                    expression: "teal_color_healthy{AT,OF} unless on (job, instance, service, color) teal_color_retired == 1",
                    legend: "{{service}} {{color}}",
                }],
            },
            Panel {
                title: "Targets that are up",
                unit: "short",
                look: Look::State,
                queries: &[Query {
                    expression: "teal_target_up{AT,OF}",
                    legend: "{{service}} {{color}} {{target}} {{address}}",
                }],
            },
            Panel {
                title: "Responses by target",
                unit: "reqps",
                look: Look::Lines,
                queries: &[Query {
                    expression: "sum by (service, color, target, address) (rate(teal_target_requests_total{AT,OF}[$__rate_interval]))",
                    legend: "{{service}} {{color}} {{target}} {{address}}",
                }],
            },
            Panel {
                title: "Duration of the last probe",
                unit: "s",
                look: Look::Lines,
                queries: &[Query {
                    expression: "teal_target_probe_duration_seconds{AT,OF}",
                    legend: "{{service}} {{color}} {{target}} {{address}}",
                }],
            },
            Panel {
                title: "Time until certificates expire",
                unit: "s",
                look: Look::Lines,
                queries: &[
                    Query {
                        expression: "teal_certificate_expiry_timestamp_seconds{AT} - time()",
                        legend: "{{file}}",
                    },
                    Query {
                        expression: "teal_target_certificate_expiry_timestamp_seconds{AT,OF} - time()",
                        legend: "{{service}} {{target}}",
                    },
                ],
            },
        ],
    },
    Row {
        title: "Teal itself",
        panels: &[
            Panel {
                title: "Difference of the books, at rest",
                unit: "short",
                look: Look::Zero,
                queries: &[Query {
                    expression: "teal_books_difference{AT}",
                    legend: "{{instance}}",
                }],
            },
            Panel {
                title: "Journal can be written",
                unit: "short",
                look: Look::State,
                queries: &[
                    Query { expression: "teal_journal_available{AT}", legend: "{{instance}}" },
                    Query {
                        expression: "1 - teal_journal_on_reserve{AT}",
                        legend: "{{instance}} without its reserve",
                    },
                ],
            },
            Panel {
                title: "Memory",
                unit: "bytes",
                look: Look::Lines,
                queries: &[Query {
                    expression: "process_resident_memory_bytes{AT}",
                    legend: "{{instance}}",
                }],
            },
            Panel {
                title: "CPU",
                unit: "percentunit",
                look: Look::Lines,
                queries: &[Query {
                    expression: "rate(process_cpu_seconds_total{AT}[$__rate_interval])",
                    legend: "{{instance}}",
                }],
            },
            Panel {
                title: "Connections of clients, and file descriptors",
                unit: "short",
                look: Look::Lines,
                queries: &[
                    Query { expression: "teal_connections_open{AT}", legend: "connections" },
                    Query {
                        expression: "teal_connections_limit{AT}",
                        legend: "limit of connections",
                    },
                    Query { expression: "process_open_fds{AT}", legend: "file descriptors" },
                    Query {
                        expression: "process_max_fds{AT}",
                        legend: "limit of file descriptors",
                    },
                ],
            },
            Panel {
                title: "An older Teal is finishing its requests",
                unit: "short",
                look: Look::Flag,
                queries: &[Query { expression: "teal_older_present{AT}", legend: "{{instance}}" }],
            },
        ],
    },
];

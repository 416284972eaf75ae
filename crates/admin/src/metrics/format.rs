//! The two formats of the metrics page, and content negotiation.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

use crate::form::weight;

/// A format of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// The text format of Prometheus, version 0.0.4.
    Text,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// Returns OpenMetrics if the caller accepts it and does not prefer text; otherwise text, also for `*/*`
    /// and for callers that accept neither (RFC 9110 section 12.5.1 leaves that to the server).
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let (mut text, mut open) = (0.0_f32, 0.0_f32);
        let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        for range in values.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';');
            let media = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let (mut quality, mut version) = (1.0, None);
            for parameter in parts {
                if let Some(weight) = weight(parameter) {
                    quality = weight;
                } else if let Some((name, value)) = parameter.split_once('=')
                    && name.trim().eq_ignore_ascii_case("version")
                {
                    version = Some(value.trim().trim_matches('"').to_owned());
                }
            }
            match (media.as_str(), version.as_deref()) {
                ("application/openmetrics-text", None | Some("1.0.0")) => open = quality.max(open),
                ("text/plain", None | Some("0.0.4")) | ("text/*", _) => text = quality.max(text),
                _ => {}
            }
        }
        if open > 0.0 && open >= text { Self::OpenMetrics } else { Self::Text }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[track_caller]
    fn is(format: Format, accept: &[&str]) {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(ACCEPT, HeaderValue::from_str(value).expect("a field value"));
        }
        assert_eq!(Format::of(&headers), format, "{accept:?}");
    }

    #[test]
    fn r71_prometheus_gets_its_preferred_format() {
        // 2.42, then 3.x with and without protobuf, then 2.42 with OpenMetrics switched off.
        for accept in [
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        ] {
            is(Format::OpenMetrics, &[accept]);
        }
        is(Format::Text, &["text/plain;version=0.0.4;q=1,*/*;q=0.1"]);
    }

    #[test]
    fn r71_others_get_text() {
        for accept in [
            &[][..],
            &["*/*"],
            &["application/json"],
            &["text/html,application/xhtml+xml,*/*;q=0.8"],
            &["application/openmetrics-text;q=0"],
            &["application/openmetrics-text;version=0.0.1"],
            &["application/openmetrics-text;q=0.4", "text/plain;q=0.5"],
            &["application/openmetrics-text;q=nonsense"],
            &[",,;;=,", "application/openmetrics"],
        ] {
            is(Format::Text, accept);
        }
        is(Format::OpenMetrics, &["Application/OpenMetrics-Text; Version=\"1.0.0\"; Q=0.5"]);
        is(Format::OpenMetrics, &["text/*;q=0.1", "application/openmetrics-text"]);
    }
}

//! `GET /admin/series`: its parameters and both forms of its answer.

use crate::fixture::Fixture;

#[tokio::test]
async fn a_series_has_arrays_of_one_length_for_both_colors() {
    let fixture = Fixture::new().await;
    let path = "/admin/series?service=web&step=10&last=60&after=1795446225";
    let (status, json) = fixture.json("GET", path).await;
    assert_eq!(status, 200, "{json}");
    assert_eq!(
        fixture.asked(),
        ["SeriesRequest { selection: Selection([ServiceName(\"web\")]), step: TenSeconds, last: \
          Some(60), after: Some(1795446225) }"]
    );
    let (end, at) = (1_795_446_245_u64, "2026-11-23T15:04:05.000Z");
    assert_eq!((&json["end"], &json["at"]), (&end.into(), &at.into()));
    assert_eq!(json["step_seconds"], 10);
    let service = &json["services"][0];
    assert_eq!(service["service"], "web");
    for counts in ["teal", "aborted"] {
        assert_eq!(service[counts], serde_json::json!([0, 0]), "{counts}");
    }
    for color in ["blue", "green"] {
        for counts in
            ["requests", "client_errors", "server_errors", "failed", "in_flight", "streams"]
        {
            assert_eq!(service[color][counts], serde_json::json!([0, 0]), "{counts}");
        }
        for times in ["p50_ms", "p99_ms"] {
            assert_eq!(service[color][times], serde_json::json!([null, null]), "{times}");
        }
    }
    let text = fixture.ask("GET", "/admin/series", &[]).await.body;
    assert!(text.ends_with("15:04:04  no requests\n15:04:05  no requests\n"), "{text}");
    fixture.stop().await;
}

#[tokio::test]
async fn a_series_is_readable_without_a_token_and_says_what_a_parameter_must_be() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.bare("GET", "/admin/series", &[]).await.status, 200);
    for (query, title) in [
        ("step=5", "Parameter step must be 1 or 10"),
        ("last=0", "must be a whole number of seconds from 1 to 900 with step=1"),
        ("last=901", "from 1 to 900 with step=1"),
        ("step=10&last=3601", "from 1 to 3600 with step=10"),
        ("last=60s", "Parameter last must be a whole number of seconds"),
        ("after=-1", "Parameter after must be a whole number of seconds since 1970"),
        ("after=2026-11-23T15:04:05Z", "such as the end of an answer"),
        ("service=We_b", "must be names separated by commas"),
        ("lats=5", "Unknown parameter 'lats'"),
    ] {
        let reply = fixture.ask("GET", &format!("/admin/series?{query}"), &[]).await;
        assert_eq!(reply.status, 400, "{query}");
        assert!(reply.body.contains(title), "{query}: {}", reply.body);
    }
    assert_eq!(fixture.ask("POST", "/admin/series", &[]).await.status, 405);
    assert_eq!(fixture.ask("GET", "/admin/series?step=10&last=3600", &[]).await.status, 200);
    fixture.stop().await;
}

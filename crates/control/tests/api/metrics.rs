//! `/metrics`: the names that dashboards rely on, and the books.

use rules::{ServiceName, TargetUrl};
use traffic::{AnsweredBy, OwnReason, ServiceBooks, ServiceSum, TargetSum};

use crate::stage::Stage;

async fn page(stage: &Stage) -> String {
    let reply = stage.bare("GET", "/metrics", &[]).await;
    assert_eq!(reply.status, 200);
    assert!(reply.head.contains("content-type: application/openmetrics-text"), "{}", reply.head);
    assert!(reply.body.ends_with("# EOF\n"), "{}", reply.body);
    reply.body
}

#[tokio::test]
async fn every_metric_of_the_contract_is_there() {
    let stage = Stage::new().await;
    let page = page(&stage).await;
    for metric in control::api::METRICS {
        let sample = match metric.kind {
            control::api::Kind::Histogram => format!("\n{}_count", metric.name),
            _ => format!("\n{}", metric.name),
        };
        assert!(page.contains(&sample), "{} is missing in\n{page}", metric.name);
    }
    for sample in [
        "teal_active{service=\"web\",color=\"blue\"} 1\n",
        "teal_active{service=\"web\",color=\"green\"} 0\n",
        "teal_generation 7\n",
        "teal_requests_accepted_total{service=\"web\"} 0\n",
        "teal_requests_accepted_total{service=\"\"} 0\n",
        "teal_requests_answered_total{service=\"web\",by=\"blue\",reason=\"\"} 0\n",
        "teal_target_up{service=\"web\",color=\"blue\",target=\"http://127.0.0.1:8081\"} 1\n",
        "teal_target_up{service=\"web\",color=\"green\",target=\"http://127.0.0.1:8082\"} 0\n",
        "teal_books_difference 0\n",
        "teal_certificate_expiry_timestamp_seconds{file=\"/etc/teal/a.pem\"} 1900000000\n",
    ] {
        assert!(page.contains(sample), "{sample:?} is missing in\n{page}");
    }
    stage.stop().await;
}

// L8
#[tokio::test]
async fn the_books_are_told_as_they_are() {
    let stage = Stage::new().await;
    let books = ServiceBooks::new(1);
    let cell = books.iter().next().expect("one worker");
    cell.accepted.add(10);
    cell.answered(AnsweredBy::Color(rules::Color::Blue));
    cell.answered(AnsweredBy::Teal(OwnReason::NoRoute));
    cell.aborted(traffic::AbortCause::Drain);
    let mut target = TargetSum { classes: [0, 4, 0, 0, 1], ..TargetSum::default() };
    target.latency.buckets[0] = 2;
    target.latency.buckets[5] = 3;
    target.latency.total_micros = 1_500_000;
    stage.script(|script| {
        let service = &mut script.metrics.services[0];
        service.sum = ServiceSum::of(&books);
        service.colors[0].targets[0].sum = target;
    });
    let page = page(&stage).await;
    let blue = "service=\"web\",color=\"blue\",target=\"http://127.0.0.1:8081\"";
    for sample in [
        "teal_requests_accepted_total{service=\"web\"} 10\n".to_owned(),
        "teal_requests_answered_total{service=\"web\",by=\"teal\",reason=\"no_route\"} 1\n"
            .to_owned(),
        "teal_requests_aborted_total{service=\"web\",cause=\"drain\"} 1\n".to_owned(),
        "teal_books_difference 7\n".to_owned(),
        format!("teal_target_requests_total{{{blue},class=\"2xx\"}} 4\n"),
        format!("teal_request_duration_seconds_count{{{blue}}} 5\n"),
        format!("teal_request_duration_seconds_sum{{{blue}}} 1.5\n"),
        format!("teal_request_duration_seconds_bucket{{le=\"0.000064\",{blue}}} 2\n"),
        format!("teal_request_duration_seconds_bucket{{le=\"+Inf\",{blue}}} 5\n"),
    ] {
        assert!(page.contains(&sample), "{sample:?} is missing in\n{page}");
    }
    stage.stop().await;
}

// L8
#[tokio::test]
async fn requests_in_flight_add_up_to_the_books_whatever_holds_the_leases() {
    let stage = Stage::new().await;
    // in the books, tunnels open, leases on blue (active) and green, then what is shown
    for (in_flight, tunnels, leases, shown) in [
        (5, 0, [3, 1], [3, 1, 1]),
        (2, 2, [2, 2], [2, 0, 0]),
        (0, 3, [1, 2], [0, 0, 0]),
        (1, 0, [4, 0], [1, 0, 0]),
    ] {
        stage.script(|script| {
            let service = &mut script.metrics.services[0];
            service.sum.in_flight = in_flight;
            service.sum.tunnels_opened = tunnels;
            for (color, leases) in service.colors.iter_mut().zip(leases) {
                color.sum.leases = leases;
            }
        });
        let page = page(&stage).await;
        for (color, count) in ["blue", "green", ""].iter().zip(shown) {
            let sample =
                format!("teal_requests_in_flight{{service=\"web\",color=\"{color}\"}} {count}\n");
            assert!(page.contains(&sample), "{sample:?} is missing in\n{page}");
        }
    }
    stage.stop().await;
}

// A8
#[tokio::test]
async fn labels_are_names_from_the_configuration_and_nothing_else() {
    let stage = Stage::new().await;
    assert!(ServiceName::new("a\"b\n").is_err() && TargetUrl::parse("http://a\"b:1").is_err());
    stage.bare("GET", "/metrics?x=1", &[]).await;
    stage.bare("GET", "/nowhere-at-all", &[]).await;
    assert!(!page(&stage).await.contains("nowhere"));
    stage.stop().await;
}

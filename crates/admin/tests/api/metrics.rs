//! `/metrics`: the names that dashboards rely on, and the books.

use std::time::{Duration, Instant};

use control::TargetFigures;
use rules::{ServiceName, TargetUrl};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use traffic::{AnsweredBy, OwnReason, ServiceBooks, ServiceSum, TargetSum};

use crate::fixture::{Fixture, nice_value};

async fn page(fixture: &Fixture) -> String {
    let reply = fixture.bare("GET", "/metrics", &[]).await;
    assert_eq!(reply.status, 200);
    assert!(reply.head.contains("content-type: text/plain; version=0.0.4"), "{}", reply.head);
    reply.body
}

#[tokio::test]
async fn every_metric_of_the_contract_is_there() {
    let fixture = Fixture::new().await;
    fixture.script(|script| {
        script.metrics.services[0].colors[0].version = rules::Version::new("v42").ok();
        script.metrics.services[0].deploys[0] = 2;
    });
    let page = page(&fixture).await;
    for metric in admin::METRICS {
        let kind = format!("\n# TYPE {} {}\n", metric.name, metric.kind.as_str());
        assert!(page.contains(&kind), "{kind:?} is missing in\n{page}");
        let has_sample = page.contains(&format!("\n{}", metric.name));
        // No certificate is ordered here, and nobody is notified.
        let expected =
            metric.name != "teal_acme_problem" && !metric.name.starts_with("teal_notifications_");
        if expected && metric.appears == admin::Appears::Always {
            assert!(has_sample, "{} is missing in\n{page}", metric.name);
        }
    }
    for sample in [
        "teal_active{service=\"web\",color=\"blue\"} 1\n",
        "teal_active{service=\"web\",color=\"green\"} 0\n",
        "teal_color_info{service=\"web\",color=\"blue\",version=\"v42\"} 1\n",
        "teal_deploys_total{service=\"web\",result=\"succeeded\"} 2\n",
        "teal_generation 7\n",
        "teal_requests_accepted_total{service=\"\"} 0\n",
        "teal_target_up{service=\"web\",color=\"blue\",target=\"http://127.0.0.1:8081\",address=\"127.0.0.1:8081\"} 1\n",
        "teal_target_up{service=\"web\",color=\"green\",target=\"http://127.0.0.1:8082\",address=\"127.0.0.1:8082\"} 0\n",
        "teal_books_difference 0\n",
        "teal_certificate_expiry_timestamp_seconds{file=\"/etc/teal/a.pem\"} 1900000000\n",
    ] {
        assert!(page.contains(sample), "{sample:?} is missing in\n{page}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn r71_both_formats_say_the_same() {
    let fixture = Fixture::new().await;
    let text = page(&fixture).await;
    let accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
    let reply = fixture.bare("GET", "/metrics", &[("Accept", accept)]).await;
    let kind = "content-type: application/openmetrics-text; version=1.0.0";
    assert!(reply.head.contains(kind), "{}", reply.head);
    assert!(reply.head.contains("vary: accept"), "{}", reply.head);
    assert!(reply.body.ends_with("\n# EOF\n") && !text.contains("# EOF"), "{}", reply.body);
    assert!(reply.body.contains("# UNIT teal_uptime_seconds seconds\n"), "{}", reply.body);
    let samples = |page: &str| -> Vec<String> {
        let lines = page.lines().filter(|line| !line.starts_with('#'));
        let moving = |line: &str| line.starts_with("teal_uptime") || line.starts_with("process_");
        lines.filter(|line| !moving(line)).map(str::to_owned).collect()
    };
    assert_eq!(samples(&text), samples(&reply.body));
    fixture.stop().await;
}

#[tokio::test]
async fn r71_events_that_never_happened_have_no_series() {
    let fixture = Fixture::new().await;
    let samples = |page: &str, part: &str| {
        page.lines().filter(|line| !line.starts_with('#') && line.contains(part)).count()
    };
    let idle = page(&fixture).await;
    // Active, generation, held and maintenance; healthy and retired of each color; up and the end of a certificate of
    // each target.
    assert_eq!(samples(&idle, "service=\"web\""), 5 + 4 + 2 + 2, "{idle}");
    fixture.script(|script| {
        let service = &mut script.metrics.services[0];
        service.sum.accepted = 1;
        service.sum.colors = [1, 0];
        service.colors[0].targets[0].figures.classes[1] = 1;
    });
    let used = page(&fixture).await;
    for (zero, shown) in [
        ("teal_stale_lost_total{service=\"web\",color=\"blue\"", 1),
        ("teal_stale_lost_total{service=\"web\",color=\"green\"", 0),
        ("teal_retries_total{service=\"web\"}", 1),
        ("teal_tunnels_open{", 0),
        ("reason=\"no_route\"", 0),
    ] {
        assert_eq!(samples(&used, zero), shown, "{zero} in\n{used}");
    }
    fixture.stop().await;
}

// L8
#[tokio::test]
async fn the_books_are_reported_as_they_are() {
    let fixture = Fixture::new().await;
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
    fixture.script(|script| {
        let service = &mut script.metrics.services[0];
        service.sum = ServiceSum::of(&books);
        let seen = &mut service.colors[0].targets[0];
        seen.books.iter().next().expect("one worker").set(&target);
        seen.figures = TargetFigures::of(&seen.books);
    });
    let page = page(&fixture).await;
    let blue = "service=\"web\",color=\"blue\",target=\"http://127.0.0.1:8081\",address=\"127.0.0.1:8081\"";
    for sample in [
        "teal_requests_accepted_total{service=\"web\"} 10\n".to_owned(),
        "teal_requests_answered_total{service=\"web\",by=\"teal\",reason=\"no_route\"} 1\n"
            .to_owned(),
        "teal_requests_aborted_total{service=\"web\",cause=\"drain\"} 1\n".to_owned(),
        "teal_books_difference 7\n".to_owned(),
        format!("teal_target_requests_total{{{blue},class=\"2xx\"}} 4\n"),
        format!("teal_request_duration_seconds_count{{{blue}}} 5\n"),
        format!("teal_request_duration_seconds_sum{{{blue}}} 1.5\n"),
        format!("teal_request_duration_seconds_bucket{{{blue},le=\"0.000064\"}} 2\n"),
        format!("teal_request_duration_seconds_bucket{{{blue},le=\"+Inf\"}} 5\n"),
    ] {
        assert!(page.contains(&sample), "{sample:?} is missing in\n{page}");
    }
    fixture.stop().await;
}

// L10
#[tokio::test]
async fn r71_a_scrape_is_made_by_a_thread_of_lower_priority() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.bare("GET", "/metrics", &[]).await.status, 200);
    let read_by = fixture.script.lock().expect("no panic before").metrics_read_by.clone();
    let (thread, nice) = read_by.lock().expect("no panic before").expect("they were read");
    assert_ne!(thread, std::thread::current().id(), "the thread that answers switches");
    assert_eq!(nice, 19, "the highest nice value there is");
    assert!(nice_value() < 19, "the other threads keep theirs");
    fixture.stop().await;
}

/// As many services as make a page of several megabytes.
fn many(fixture: &Fixture) {
    fixture.script(|script| {
        let one = script.metrics.services[0].clone();
        script.metrics.services = vec![one; 20_000];
    });
}

#[tokio::test]
async fn r71_a_long_page_comes_in_pieces_and_whole() {
    let fixture = Fixture::new().await;
    many(&fixture);
    let reply = fixture.raw(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").await;
    assert!(reply.body.len() > 4 << 20, "{} bytes", reply.body.len());
    assert_eq!(reply.body.matches("\nteal_held{").count(), 20_000);
    assert!(reply.body.ends_with('\n'));
    fixture.stop().await;
}

// L10
#[tokio::test]
async fn r71_scrapes_that_never_read_end_and_keep_others_out_no_longer() {
    let fixture = Fixture::new().await;
    many(&fixture);
    let mut silent = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(fixture.address).await.expect("connected");
        stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").await.expect("sent");
        stream.readable().await.expect("an answer has begun");
        silent.push(stream);
    }
    let reply = fixture.bare("GET", "/metrics", &[]).await;
    assert_eq!(reply.status, 503, "{}", reply.body);
    assert!(reply.head.contains("retry-after: 5"), "{}", reply.head);
    assert!(reply.body.starts_with("Too many scrapes at once\n"), "{}", reply.body);
    let deadline = Instant::now() + Duration::from_secs(40);
    let served = loop {
        let reply = fixture.raw(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").await;
        if reply.status == 200 || Instant::now() > deadline {
            break reply.status;
        }
    };
    assert_eq!(served, 200, "those that do not read still hold their places");
    drop(silent);
    fixture.stop().await;
}

// L8
#[tokio::test]
async fn requests_in_flight_add_up_to_the_books_whatever_holds_the_leases() {
    let fixture = Fixture::new().await;
    // in the books, tunnels open, leases on blue (active) and green, then what is shown
    for (in_flight, tunnels, leases, shown) in [
        (5, 0, [3, 1], [3, 1, 1]),
        (2, 2, [2, 2], [2, 0, 0]),
        (0, 3, [1, 2], [0, 0, 0]),
        (1, 0, [4, 0], [1, 0, 0]),
    ] {
        fixture.script(|script| {
            let service = &mut script.metrics.services[0];
            service.sum.accepted = 10;
            service.sum.in_flight = in_flight;
            service.sum.tunnels_opened = tunnels;
            for (color, leases) in service.colors.iter_mut().zip(leases) {
                color.sum.leases = leases;
            }
        });
        let page = page(&fixture).await;
        for (color, count) in ["blue", "green", ""].iter().zip(shown) {
            let sample =
                format!("teal_requests_in_flight{{service=\"web\",color=\"{color}\"}} {count}\n");
            assert!(page.contains(&sample), "{sample:?} is missing in\n{page}");
        }
    }
    fixture.stop().await;
}

// A8
#[tokio::test]
async fn labels_are_names_from_the_configuration_and_nothing_else() {
    let fixture = Fixture::new().await;
    assert!(ServiceName::new("a\"b\n").is_err() && TargetUrl::parse("http://a\"b:1").is_err());
    fixture.bare("GET", "/metrics?x=1", &[]).await;
    fixture.bare("GET", "/nowhere-at-all", &[]).await;
    assert!(!page(&fixture).await.contains("nowhere"));
    fixture.stop().await;
}

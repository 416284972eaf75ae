//! The outbox after crashes, damage and too many messages.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use rules::{NotifiedEvent, Time};
use serde_json::json;

use super::*;

const A: &str = "a";
const B: &str = "b";

fn notice(at: u64, key: Option<&str>) -> Notice {
    Notice {
        event: NotifiedEvent::Switch,
        at: Time(at),
        text: format!("notice {at}"),
        data: json!({ "n": at }),
        key: key.map(str::to_owned),
    }
}

fn opened(directory: &Path) -> Outbox {
    Outbox::open(directory).expect("not locked")
}

fn put(outbox: &mut Outbox, notice: Notice, to: &[&str]) {
    let to = to.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(outbox.put(vec![(notice, to)]), []);
}

/// The ids of all messages that wait for an endpoint.
fn waiting(outbox: &Outbox, endpoint: &str) -> Vec<String> {
    let mut left = outbox.queue.clone();
    let mut ids = Vec::new();
    while let Some(first) = left.first(endpoint).cloned() {
        left.apply(&Record::Ended { id: first.id.clone(), endpoint: endpoint.to_owned() });
        ids.push(first.id.clone());
    }
    ids
}

#[test]
fn messages_survive_in_their_order_with_their_ids_until_they_have_ended() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut outbox = opened(directory.path());
    outbox.set_endpoints(&[A, B], Time(0));
    for at in 10..13 {
        put(&mut outbox, notice(at, None), &[A, B]);
    }
    let ids = waiting(&outbox, A);
    assert_eq!(ids.len(), 3);
    outbox.end(A, &ids[0]);
    drop(outbox);
    let again = opened(directory.path());
    assert_eq!(waiting(&again, A), ids[1..]);
    assert_eq!(waiting(&again, B), ids);
    assert_eq!(again.first(B).expect("one").text, "notice 10");
}

#[test]
fn a_decision_is_taken_once_however_often_it_is_reported() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut outbox = opened(directory.path());
    outbox.set_endpoints(&[A], Time(100));
    put(&mut outbox, notice(200, Some("switch 7 web")), &[A]);
    let ids = waiting(&outbox, A);
    outbox.end(A, &ids[0]);
    drop(outbox);
    let mut outbox = opened(directory.path());
    for key in ["switch 7 web", "switch 8 web"] {
        put(&mut outbox, notice(200, Some(key)), &[A]);
    }
    let left = waiting(&outbox, A);
    assert_eq!(left.len(), 1, "the second one was lost by a crash");
    assert_ne!(left, ids);
    put(&mut outbox, notice(99, Some("switch 6 web")), &[A]);
    assert_eq!(waiting(&outbox, A), left, "there was no endpoint then");
}

#[test]
fn an_endpoint_that_is_removed_and_added_again_gets_only_what_happens_then() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut outbox = opened(directory.path());
    outbox.set_endpoints(&[A, B], Time(0));
    put(&mut outbox, notice(10, None), &[A, B]);
    outbox.set_endpoints(&[B], Time(20));
    outbox.set_endpoints(&[A, B], Time(30));
    assert_eq!((outbox.count(A), outbox.count(B)), (0, 1));
    drop(outbox);
    assert_eq!(opened(directory.path()).queue.since(A), Some(30));
}

#[test]
fn a_clock_that_is_set_back_silences_no_endpoint() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut outbox = opened(directory.path());
    outbox.set_endpoints(&[A], Time(u64::MAX >> 1)); // the clock was wrong when it was configured
    put(&mut outbox, notice(10, None), &[A]);
    assert_eq!(outbox.count(A), 1);
}

#[test]
fn the_oldest_is_dropped_beyond_the_most_messages_and_the_most_bytes() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut outbox = opened(directory.path());
    outbox.set_endpoints(&[A, B], Time(0));
    let to = || vec![A.to_owned()];
    let all = (0..COUNT_MAX as u64 + 5).map(|at| (notice(at, None), to())).collect();
    assert_eq!(outbox.put(all).len(), 5);
    assert_eq!(outbox.count(A), COUNT_MAX);
    assert_eq!(outbox.first(A).expect("one").text, "notice 5");
    let large = |at| Notice { data: json!({ "x": "y".repeat(15 << 10) }), ..notice(at, None) };
    let all = (0..600).map(|at| (large(at), vec![B.to_owned()])).collect();
    let dropped = outbox.put(all);
    assert!(!dropped.is_empty() && outbox.queue.bytes() <= BYTES_MAX);
    drop(outbox);
    let again = opened(directory.path());
    assert_eq!(again.count(A) + again.count(B) + dropped.len(), COUNT_MAX + 600);
}

#[test]
fn the_file_does_not_grow_with_what_was_delivered() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut outbox = opened(directory.path());
    outbox.set_endpoints(&[A], Time(0));
    for at in 0..200 {
        let large = Notice { data: json!({ "x": "y".repeat(15 << 10) }), ..notice(at, None) };
        outbox.put(vec![(large, vec![A.to_owned()])]);
        let id = outbox.first(A).expect("one").id.clone();
        outbox.end(A, &id);
    }
    let size = fs::metadata(directory.path().join("outbox")).expect("there").len();
    assert!(size < 2 * FILE_MAX, "{size}");
}

#[test]
fn only_one_teal_has_the_outbox() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = opened(directory.path());
    assert!(Outbox::open(directory.path()).is_err());
    drop(first);
    opened(directory.path());
}

#[test]
fn without_a_disk_messages_are_in_memory_and_the_status_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let taken = directory.path().join("taken");
    fs::write(&taken, "a file").expect("written");
    let mut outbox = opened(&taken);
    outbox.set_endpoints(&[A], Time(0));
    put(&mut outbox, notice(10, None), &[A]);
    assert_eq!(outbox.count(A), 1);
    assert!(outbox.problem().is_some_and(|problem| problem.contains("cannot be opened")));
}

/// An operation on an outbox.
#[derive(Clone, Debug)]
enum Step {
    Put { key: Option<u8>, to: Vec<&'static str> },
    End { endpoint: &'static str },
    Endpoints(Vec<&'static str>),
}

fn step() -> impl Strategy<Value = Step> {
    let names = || prop::sample::subsequence(vec![A, B], 0..=2);
    prop_oneof![
        4 => (prop::option::of(0..4u8), names()).prop_map(|(key, to)| Step::Put { key, to }),
        2 => prop::sample::select(vec![A, B]).prop_map(|endpoint| Step::End { endpoint }),
        1 => names().prop_map(Step::Endpoints),
    ]
}

fn perform(outbox: &mut Outbox, at: u64, step: &Step) {
    match step {
        Step::Put { key, to } => {
            let key = key.map(|key| format!("key {key}"));
            let to = to.iter().map(|name| (*name).to_owned()).collect();
            outbox.put(vec![(notice(at, key.as_deref()), to)]);
        }
        Step::End { endpoint } => {
            if let Some(id) = outbox.first(endpoint).map(|first| first.id.clone()) {
                outbox.end(endpoint, &id);
            }
        }
        Step::Endpoints(names) => outbox.set_endpoints(names, Time(at)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    // lossless: a file that ends anywhere is read up to there, and what is written after that is read, too.
    #[test]
    fn a_torn_file_is_what_its_whole_lines_say(
        steps in prop::collection::vec(step(), 1..16),
        cut: prop::sample::Index,
    ) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("outbox");
        let mut outbox = opened(directory.path());
        outbox.set_endpoints(&[A, B], Time(0));
        for (at, step) in steps.iter().enumerate() {
            perform(&mut outbox, at as u64 + 2, step);
        }
        drop(outbox);
        let whole = fs::read(&path).expect("read");
        let kept = &whole[..cut.index(whole.len())];
        fs::write(&path, kept).expect("torn");
        let end = kept.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let mut expected = Queue::default();
        Record::read_all(&kept[..end]).0.iter().for_each(|record| expected.apply(record));
        let mut outbox = opened(directory.path());
        if end > 0 {
            // The places of messages may be others; their order is the same.
            prop_assert_eq!(&outbox.queue.records(), &expected.records());
        }
        outbox.set_endpoints(&[A, B], Time(90));
        put(&mut outbox, notice(100, None), &[A]);
        let before = outbox.queue.records();
        drop(outbox);
        prop_assert_eq!(opened(directory.path()).queue.records(), before);
    }

    #[test]
    fn damage_costs_the_damaged_lines_and_no_other(at: prop::sample::Index, byte: u8) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("outbox");
        let mut outbox = opened(directory.path());
        outbox.set_endpoints(&[A], Time(0));
        outbox.put((0..8).map(|at| (notice(at, None), vec![A.to_owned()])).collect());
        let ids = waiting(&outbox, A);
        let head = outbox.queue.records().iter().take(2).map(|one| one.line().len()).sum::<usize>();
        drop(outbox);
        let mut bytes = fs::read(&path).expect("read");
        let place = head + at.index(bytes.len() - head);
        bytes[place] = byte;
        fs::write(&path, bytes).expect("damaged");
        let left = waiting(&opened(directory.path()), A);
        prop_assert!(left.len() >= 6, "a line break can join two lines: {}", left.len());
        prop_assert!(left.iter().all(|id| ids.contains(id)));
    }
}

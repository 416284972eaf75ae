//! Fuzz targets for what people write into a configuration and clients into a request: addresses of
//! targets, and the way from host and path to a service.

use fuzz::time;
use rules::{ServiceName, ServiceSpec, TargetUrl};
use traffic::{Routes, Unrouted};

/// Pieces of hosts and paths near the border between two services.
const HOSTS: [&str; 12] = [
    "a.example",
    "A.Example",
    "b.a.example",
    "a.example.",
    "a.example:80",
    "c.b.a.example",
    "",
    "[::1]:8",
    "example",
    ".example",
    "*.example",
    "a.example:x",
];
const PIECES: [&str; 14] =
    ["/", "a", "b", "ab", "..", ".", "%2e", "%2E", "%2f", "%5c", "\\", ";", "//", "*"];

fn spec(number: usize, hosts: &[&str], prefix: &str) -> ServiceSpec {
    let url = TargetUrl::parse("http://127.0.0.1:1").expect("an address");
    let name = ServiceName::new(&format!("s{number}")).expect("a name");
    let mut spec = ServiceSpec::new(name, vec![url.clone()], vec![url]);
    spec.hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    spec.path_prefix = prefix.to_owned();
    spec
}

/// Returns the result by the definition in the configuration, with nothing indexed.
fn is_below(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    let rest = path.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        || (prefix.is_empty() && path == "*")
}

#[test]
fn an_address_that_is_accepted_means_the_same_when_it_is_read_again() {
    bolero::check!(name = "target").with_test_time(time()).with_max_len(64).for_each(|input| {
        let text = String::from_utf8_lossy(input);
        for text in [text.to_string(), format!("http://{text}")] {
            if let Ok(url) = TargetUrl::parse(&text) {
                let again = url.to_string();
                assert_eq!(
                    TargetUrl::parse(&again).as_ref(),
                    Ok(&url),
                    "{text:?} became {again:?}"
                );
                let whole = |(host, port): (&str, u16)| !host.is_empty() && port != 0;
                assert!(url.host_and_port().is_none_or(whole), "{text:?}");
            }
        }
    });
}

#[test]
fn a_request_reaches_the_service_with_the_longest_prefix_and_none_by_dot_segments() {
    let specs = [
        spec(0, &["a.example"], "/"),
        spec(1, &["a.example"], "/a"),
        spec(2, &["a.example"], "/a/b/"),
        spec(3, &["*.a.example"], "/"),
        spec(4, &[], "/a"),
    ];
    let routes = Routes::new(&specs);
    bolero::check!(name = "route").with_test_time(time()).with_max_len(12).for_each(
        |input: &[u8]| {
            let Some((first, recipe)) = input.split_first() else { return };
            let host = HOSTS[usize::from(*first) % HOSTS.len()];
            let path: String =
                recipe.iter().map(|byte| PIECES[usize::from(*byte) % PIECES.len()]).collect();
            let decoded =
                path.to_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
            let dotted = decoded.replace('\\', "/").split('/').any(|segment| {
                let name = segment.split(';').next().unwrap_or_default();
                name == "." || name == ".."
            });
            match routes.find(host, &path) {
                Ok(place) => {
                    let found = &specs[place];
                    assert!(is_below(&path, &found.path_prefix), "{host} {path} went to {place}");
                    let better = specs.iter().filter(|other| other.hosts == found.hosts);
                    let longest = better
                        .filter(|other| is_below(&path, &other.path_prefix))
                        .map(|other| other.path_prefix.trim_end_matches('/').len())
                        .max();
                    assert_eq!(
                        longest,
                        Some(found.path_prefix.trim_end_matches('/').len()),
                        "{path}"
                    );
                    let prefixed =
                        specs.iter().any(|s| s.hosts == found.hosts && s.path_prefix != "/");
                    assert!(!(dotted && prefixed), "{host} {path} went to {place}");
                }
                Err(Unrouted::DotSegments) => assert!(path.contains(['.', '%']), "{host} {path}"),
                Err(Unrouted::NoMatch) => assert!(!is_below(&path, "/a"), "{host} {path}"),
            }
        },
    );
}

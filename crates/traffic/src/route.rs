//! Choosing the service of a request: exact host before one-label wildcard before any host, then the longest
//! path prefix at a segment boundary, on raw bytes. Where the most specific host has no prefix for a path, the
//! next less specific one is asked.

use std::collections::HashMap;

use rules::ServiceSpec;

use crate::sync::Arc;

/// The index from host and path to the index of a service in the table. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    index: Arc<Index>,
}

#[derive(Debug, Default)]
struct Index {
    exact: HashMap<Box<str>, Paths>,
    wildcard: HashMap<Box<str>, Paths>, // by the part after "*."
    any: Paths,
}

/// One route to a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// An exact host, `*.` and the rest after the first label, or nothing: any host.
    pub host: String,
    /// The path prefix, without the slash at its end.
    pub prefix: String,
    /// The index of the service in the table.
    pub place: usize,
}

/// The reason why no service answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrouted {
    /// No service has this host and path.
    NoMatch,
    /// The path has `.` or `..` segments, raw or encoded, on a host where prefixes decide: the target might
    /// resolve them to a path outside the prefix.
    DotSegments,
}

/// The prefixes of one host. However many there are, a path is looked up at most once for each length of a prefix.
#[derive(Debug, Default)]
struct Paths {
    root: Option<usize>,
    prefixes: HashMap<Box<str>, usize>, // without the slash at their end
    lengths: Vec<usize>,                // of the prefixes, each once, longest first
}

// A host name has at most 253 bytes; a longer one matches no configured one.
const HOST_ROOM: usize = 256;

// === impl Routes, Index ===

impl Routes {
    /// Builds the index of these services.
    pub fn new<'s>(services: impl IntoIterator<Item = &'s ServiceSpec>) -> Self {
        let mut index = Index::default();
        for (place, service) in services.into_iter().enumerate() {
            let prefix = service.path_prefix.trim_end_matches('/');
            if service.hosts.is_empty() {
                index.insert("", prefix, place);
            }
            for host in &service.hosts {
                index.insert(host, prefix, place);
            }
        }
        Self { index: Arc::new(index) }
    }

    /// Returns true if two share one index.
    pub fn is_shared_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.index, &other.index)
    }

    /// Returns all routes, in no order: [`Routes::from_iter`] makes the same index of them.
    pub fn list(&self) -> impl Iterator<Item = Route> {
        let Index { exact, wildcard, any } = &*self.index;
        let exact = exact.iter().map(|(host, paths)| (host.to_string(), paths));
        let wildcard = wildcard.iter().map(|(suffix, paths)| (format!("*.{suffix}"), paths));
        let hosts = exact.chain(wildcard).chain([(String::new(), any)]);
        hosts.flat_map(|(host, paths)| {
            paths.list().map(move |(prefix, place)| Route {
                host: host.clone(),
                prefix: prefix.to_owned(),
                place,
            })
        })
    }

    /// Returns the index of the service for this Host (port and case are ignored) and path (without query).
    pub fn find(&self, host: &str, path: &str) -> Result<usize, Unrouted> {
        self.index.find(host, path)
    }
}

impl Index {
    fn insert(&mut self, host: &str, prefix: &str, place: usize) {
        let paths = match (host, host.strip_prefix("*.")) {
            ("", _) => &mut self.any,
            (_, Some(suffix)) => self.wildcard.entry(suffix.into()).or_default(),
            (host, None) => self.exact.entry(host.into()).or_default(),
        };
        paths.insert(prefix, place);
    }

    fn find(&self, host: &str, path: &str) -> Result<usize, Unrouted> {
        if self.exact.is_empty() && self.wildcard.is_empty() {
            return self.any.find(path).unwrap_or(Err(Unrouted::NoMatch));
        }
        let mut room = [0; HOST_ROOM];
        let host = fold(without_port(host), &mut room).unwrap_or("");
        let wild = host.split_once('.').and_then(|(_, suffix)| self.wildcard.get(suffix));
        let candidates = [self.exact.get(host), wild, Some(&self.any)];
        candidates
            .into_iter()
            .flatten()
            .find_map(|paths| paths.find(path))
            .unwrap_or(Err(Unrouted::NoMatch))
    }
}

impl FromIterator<Route> for Routes {
    fn from_iter<I: IntoIterator<Item = Route>>(routes: I) -> Self {
        let mut index = Index::default();
        routes
            .into_iter()
            .for_each(|Route { host, prefix, place }| index.insert(&host, &prefix, place));
        Self { index: Arc::new(index) }
    }
}

// === impl Paths ===

impl Paths {
    fn list(&self) -> impl Iterator<Item = (&str, usize)> {
        let root = self.root.iter().map(|place| ("", *place));
        root.chain(self.prefixes.iter().map(|(prefix, place)| (&**prefix, *place)))
    }

    fn insert(&mut self, prefix: &str, place: usize) {
        if prefix.is_empty() {
            self.root.get_or_insert(place);
            return;
        }
        self.prefixes.entry(prefix.into()).or_insert(place);
        let at = self.lengths.partition_point(|length| *length > prefix.len());
        if self.lengths.get(at) != Some(&prefix.len()) {
            self.lengths.insert(at, prefix.len());
        }
    }

    fn find(&self, path: &str) -> Option<Result<usize, Unrouted>> {
        if !self.lengths.is_empty() && has_dot_segment(path) {
            return Some(Err(Unrouted::DotSegments));
        }
        let of_length = |length: &usize| {
            let ends = path.as_bytes().get(*length).is_none_or(|byte| *byte == b'/');
            ends.then(|| self.prefixes.get(path.get(..*length)?)).flatten()
        };
        let rooted = || self.root.as_ref().filter(|_| is_below_root(path));
        self.lengths.iter().find_map(of_length).or_else(rooted).map(|place| Ok(*place))
    }
}

fn is_below_root(path: &str) -> bool {
    path.is_empty() || path.starts_with('/') || path == "*"
}

/// Returns the host in a `Host` field, without its port.
pub fn without_port(host: &str) -> &str {
    if host.starts_with('[') {
        return host.find(']').map_or(host, |end| &host[..=end]);
    }
    host.split_once(':').map_or(host, |(name, _)| name)
}

fn fold<'r>(host: &str, room: &'r mut [u8; HOST_ROOM]) -> Option<&'r str> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let place = room.get_mut(..host.len())?;
    place.copy_from_slice(host.as_bytes());
    place.make_ascii_lowercase();
    std::str::from_utf8(place).ok()
}

// `%2f` and `\` count as separators here: some targets treat them so.
fn has_dot_segment(path: &str) -> bool {
    let mut rest = path.as_bytes();
    loop {
        let (segment, after) = next_segment(rest);
        if is_dots(segment) {
            return true;
        }
        match after {
            Some(after) => rest = after,
            None => return false,
        }
    }
}

fn next_segment(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut at = 0;
    while let Some(&byte) = path.get(at) {
        let encoded = path.get(at..at + 3);
        let skip = match (byte, encoded) {
            (b'/' | b'\\', _) => 1,
            (b'%', Some([_, b'2', b'f' | b'F'] | [_, b'5', b'c' | b'C'])) => 3,
            _ => {
                at += 1;
                continue;
            }
        };
        return (&path[..at], path.get(at + skip..));
    }
    (path, None)
}

fn is_dots(mut segment: &[u8]) -> bool {
    // Some targets cut parameters after `;` before they resolve dots.
    if let Some(end) = segment.iter().position(|byte| *byte == b';') {
        segment = &segment[..end];
    }
    let mut dots = 0;
    while !segment.is_empty() {
        segment = match segment {
            [b'.', rest @ ..] | [b'%', b'2', b'e' | b'E', rest @ ..] => rest,
            _ => return false,
        };
        dots += 1;
    }
    dots == 1 || dots == 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules::{ServiceName, TargetUrl};

    fn spec(hosts: &[&str], prefix: &str) -> ServiceSpec {
        let target = |port: u16| TargetUrl::parse(&format!("http://127.0.0.1:{port}")).unwrap();
        let name = ServiceName::new("web").unwrap();
        let mut spec = ServiceSpec::new(name, vec![target(1)], vec![target(2)]);
        spec.hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        spec.path_prefix = prefix.to_owned();
        spec
    }

    fn routes() -> Routes {
        Routes::new(&[
            spec(&["example.com"], "/"),
            spec(&["example.com"], "/api"),
            spec(&["*.example.com"], "/"),
            spec(&["only.test"], "/app/"),
            spec(&[], "/"),
        ])
    }

    #[test]
    fn a_list_of_them_makes_the_same_index() {
        let listed: Vec<Route> = routes().list().collect();
        assert_eq!(listed.len(), 5);
        let again: Routes = listed.into_iter().collect();
        for host in ["example.com", "a.example.com", "only.test", "other"] {
            for path in ["/", "/api/x", "/apis", "/app", "/app/x"] {
                assert_eq!(again.find(host, path), routes().find(host, path), "{host}{path}");
            }
        }
    }

    #[test]
    fn exact_host_wins_over_wildcard_over_any() {
        let routes = routes();
        for (host, path, place) in [
            ("example.com", "/", 0),
            ("EXAMPLE.com:8080", "/x", 0),
            ("example.com.", "/x", 0),
            ("a.example.com", "/", 2),
            ("a.b.example.com", "/", 4),
            ("other", "/", 4),
            ("[::1]:80", "/", 4),
            ("", "*", 4),
        ] {
            assert_eq!(routes.find(host, path), Ok(place), "{host}{path}");
        }
    }

    #[test]
    fn the_longest_prefix_wins_at_a_segment_boundary_on_raw_bytes() {
        let routes = routes();
        for (path, place) in
            [("/api", 1), ("/api/", 1), ("/api/v1", 1), ("/apis", 0), ("/API", 0), ("/%61pi", 0)]
        {
            assert_eq!(routes.find("example.com", path), Ok(place), "{path}");
        }
        assert_eq!(routes.find("only.test", "/app"), Ok(3));
        assert_eq!(routes.find("only.test", "/other"), Ok(4), "falls to any host");
    }

    #[test]
    fn each_of_many_prefixes_is_found_and_the_first_of_two_equal_ones_wins() {
        let specs = (0..3_000).map(|n| spec(&["a.test"], &format!("/s{n}")));
        let specs: Vec<_> =
            specs.chain([spec(&["a.test"], "/s7/"), spec(&[], "/s7/deep")]).collect();
        let routes = Routes::new(&specs);
        for place in [0, 7, 99, 2_999] {
            for path in [format!("/s{place}"), format!("/s{place}/"), format!("/s{place}/x/s1")] {
                assert_eq!(routes.find("a.test", &path), Ok(place), "{path}");
            }
        }
        for path in ["/s3000", "/s", "/s7x", "/", "*", "", "/é", "/s7é"] {
            assert_eq!(routes.find("a.test", path), Err(Unrouted::NoMatch), "{path}");
        }
        assert_eq!(routes.find("b.test", "/s7/deep/er"), Ok(3_001));
    }

    #[test]
    fn t4_dot_segments_are_refused_where_prefixes_decide() {
        let routes = routes();
        for path in [
            "/api/../x",
            "/./api",
            "/api/%2e%2E/x",
            "/api%2f..",
            "/api/..;x/y",
            "/api\\..\\x",
            "/api/.%2e",
            "/.",
        ] {
            assert_eq!(routes.find("example.com", path), Err(Unrouted::DotSegments), "{path}");
        }
        for path in ["/api/...", "/a.b/..c", "/.well-known/x"] {
            assert!(routes.find("example.com", path).is_ok(), "{path}");
        }
        assert_eq!(routes.find("a.example.com", "/../x"), Ok(2), "no prefix: passed on as it is");
    }

    #[test]
    fn nothing_matches_in_an_empty_table() {
        assert_eq!(Routes::default().find("x", "/"), Err(Unrouted::NoMatch));
        let only = Routes::new(&[spec(&["a.test"], "/")]);
        assert_eq!(only.find("b.test", "/"), Err(Unrouted::NoMatch));
        assert_eq!(only.find(&"a".repeat(300), "/"), Err(Unrouted::NoMatch));
    }
}

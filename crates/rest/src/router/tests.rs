//! What the router finds: go-zero's cases, ours, and a comparison with a matcher that is too simple to be wrong.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// A router for GET whose values are the patterns.
fn router(patterns: &[&'static str]) -> Router<&'static str> {
    let mut router = Router::new();
    for &pattern in patterns {
        router.add(Method::GET, pattern, pattern).unwrap();
    }
    router
}

/// What GET finds, as `pattern name=value …`.
fn get(router: &Router<&'static str>, path: &str) -> Option<String> {
    match router.find(&Method::GET, path) {
        Found::Route { value, params } => {
            let pairs = params.iter().map(|(name, value)| format!(" {name}={value}"));
            Some(value.to_string() + &pairs.collect::<String>())
        }
        Found::NotFound => None,
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn requests_find_the_routes_that_go_zero_finds() {
    let layers = &["/", "/:layer1", "/api", "/:layer1/:layer2", "/:layer1/:layer2/users"][..];
    let users = &[
        "/api/:user/profile/name",
        "/api/:user/profile",
        "/api/:user/name",
        "/api/:layer",
        "/api/users",
    ][..];
    let mixed = &["/a/:b", "/a/b/c", "/b/c"][..];
    for (routes, path, expected) in [
        (layers, "/", Some("/")),
        (layers, "/wildcard", Some("/:layer1 layer1=wildcard")),
        (layers, "/api", Some("/api")),
        (layers, "/a/b/users", Some("/:layer1/:layer2/users layer1=a layer2=b")),
        (layers, "/api/y/users", Some("/:layer1/:layer2/users layer1=api layer2=y")),
        (layers, "/a/b/c", None),
        (users, "/api/users", Some("/api/users")),
        (users, "/api/123/name", Some("/api/:user/name user=123")),
        (users, "/api/users/name", Some("/api/:user/name user=users")),
        (mixed, "/a/b", Some("/a/:b b=b")),
        (mixed, "/a/b/", Some("/a/:b b=b")),
        (mixed, "/a/b/c", Some("/a/b/c")),
        (&["/a/:id/c", "/a/b/d"], "/a/b/c", Some("/a/:id/c id=b")),
        (&["/a/:id"], "/a/", None),
        (&["/f/:name"], "/f/a%20b", Some("/f/:name name=a b")),
        (&["/a/b"], "/x/../a/b", Some("/a/b")),
        (&["/a/b"], "//a//b", Some("/a/b")),
        (&["/a/b"], "/x/%2e%2e/a/b", Some("/a/b")),
    ] {
        assert_eq!(get(&router(routes), path).as_deref(), expected, "{path} among {routes:?}");
    }
}

#[test]
fn requests_find_better_routes_than_in_go_zero() {
    let files = &["/f/*path", "/f/:name", "/f/:name/raw", "/f/new"][..];
    for (routes, path, expected) in [
        (&["/:id"][..], "/", None),
        (&["/f/:name"], "/f/a%2Fb", Some("/f/:name name=a/b")),
        (&["/a b"], "/a%20b", Some("/a b")),
        (&["/:id"], "*", None),
        (&["/:id"], "", None),
        (files, "/f/new", Some("/f/new")),
        (files, "/f/old", Some("/f/:name name=old")),
        (files, "/f/a/raw", Some("/f/:name/raw name=a")),
        (files, "/f/a/raw/b", Some("/f/*path path=a/raw/b")),
        (files, "/f/new/b%20c/", Some("/f/*path path=new/b c")),
        (files, "/f/", None),
        (&["/*all"], "/", None),
        (&["/*all"], "/a", Some("/*all all=a")),
        (&["/*all", "/a/:b/c"], "/a/b/d", Some("/*all all=a/b/d")),
        (&["/u/:id/a", "/u/:uid/b"], "/u/1/a", Some("/u/:id/a id=1")),
        (&["/u/:id/a", "/u/:uid/b"], "/u/1/b", Some("/u/:uid/b uid=1")),
    ] {
        assert_eq!(get(&router(routes), path).as_deref(), expected, "{path} among {routes:?}");
    }
}

#[test]
fn a_path_of_other_methods_tells_them_in_order() {
    let mut router = Router::new();
    for method in [Method::PUT, Method::GET, Method::DELETE] {
        router.add(method, "/a/:id", ()).unwrap();
    }
    router.add(Method::POST, "/b", ()).unwrap();

    for method in [Method::POST, Method::OPTIONS, Method::TRACE, Method::from_bytes(b"get").unwrap()] {
        let found = router.find(&method, "/a/1");
        assert_eq!(found, Found::MethodNotAllowed { allow: "DELETE, GET, PUT".to_owned() }, "{method}");
    }
    assert_eq!(router.find(&Method::POST, "/c"), Found::NotFound);
    assert_eq!(router.find(&Method::OPTIONS, "*"), Found::NotFound);
}

#[test]
fn a_broken_encoding_is_a_bad_path() {
    let router = router(&["/:id"]);

    for path in ["/%zz", "/%ff", "/a%"] {
        assert_eq!(router.find(&Method::GET, path), Found::BadPath, "{path}");
    }
}

#[test]
fn two_routes_that_match_the_same_are_refused_by_their_names() {
    for (first, second) in [
        ("/u/:id", "/u/:name"),
        ("/a", "/a"),
        ("/a/", "//a"),
        ("/f/*a", "/f/*b"),
        ("/:a/b/:c", "/:x/b/:y"),
        ("/", "/"),
    ] {
        let mut router = Router::new();
        router.add(Method::GET, first, 1).unwrap();
        let error = router.add(Method::GET, second, 2).unwrap_err();

        assert_eq!(error.to_string(), format!("GET {second} conflicts with GET {first}"));
        router.add(Method::POST, second, 3).expect("another method has its own tree");
    }
}

#[test]
fn an_error_leaves_the_router_as_it_was() {
    let mut router = router(&["/u/:id"]);
    router.add(Method::GET, "/u/:name", "second").unwrap_err();
    router.add(Method::GET, "/u/:id/x/:id", "third").unwrap_err();
    router.add(Method::GET, "/u/:id/x", "fourth").unwrap();

    assert_eq!(get(&router, "/u/1").unwrap(), "/u/:id id=1");
    assert_eq!(get(&router, "/u/1/x").unwrap(), "fourth id=1");
    assert_eq!(get(&router, "/u/1/x/2"), None);
}

#[test]
fn a_malformed_route_is_refused_in_a_sentence() {
    for (method, path, expected) in [
        (
            Method::TRACE,
            "/a",
            "TRACE /a has a method that routes cannot have, use one of DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
        ),
        (Method::GET, "a", "GET a must have a path that begins with /"),
        (Method::GET, "/a/:", "GET /a/: has a parameter without a name"),
        (Method::PUT, "/:id/:id", "PUT /:id/:id has more than one parameter named id"),
        (Method::GET, "/*path/info", "GET /*path/info must have its * parameter at the end"),
    ] {
        let error = Router::new().add(method, path, ()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_hostile_path_is_answered() {
    let router = router(&["/:a/:b", "/x/*rest"]);

    assert_eq!(get(&router, &"/y".repeat(10_000)), None);
    assert_eq!(get(&router, &"/..".repeat(10_000)), None);
    assert_eq!(get(&router, &"/%2e".repeat(10_000)), None);
    assert_eq!(get(&router, &"/x".repeat(10_000)).unwrap().len(), "/x/*rest rest=".len() + 9_999 * 2 - 1);
}

proptest! {
    #[test]
    fn the_router_agrees_with_a_linear_matcher(
        patterns in prop::collection::vec(prop::collection::vec(select(vec!["a", "b", ":p", "*r"]), 0..5), 0..12),
        path in prop::collection::vec(select(vec!["a", "b", "c"]), 0..6),
    ) {
        let mut router = Router::new();
        let mut naive: Vec<Vec<String>> = Vec::new();
        for pattern in patterns {
            // Numbered names, so that only `*` in the middle and equal shapes are mistakes.
            let pattern: Vec<_> = pattern.iter().enumerate().map(|(at, part)| named(part, at)).collect();
            let text = format!("/{}", pattern.join("/"));
            let wrong = naive.contains(&pattern) || pattern.iter().rev().skip(1).any(|part| part.starts_with('*'));
            prop_assert_eq!(router.add(Method::GET, &text, naive.len()).is_err(), wrong, "{}", text);
            if !wrong {
                naive.push(pattern);
            }
        }

        let text = format!("/{}", path.join("/"));
        let found = match router.find(&Method::GET, &text) {
            Found::Route { value, params } => {
                Some((*value, params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
            }
            other => {
                prop_assert_eq!(other, Found::NotFound);
                None
            }
        };
        prop_assert_eq!(found, best(&naive, &path));
    }
}

/// `:p` as `:p3`.
fn named(part: &str, at: usize) -> String {
    if part.starts_with([':', '*']) { format!("{part}{at}") } else { part.to_owned() }
}

/// The pattern that matches best, with its parameters: each is tried, and the smallest in order of segments wins.
fn best(patterns: &[Vec<String>], path: &[&str]) -> Option<(usize, Vec<(String, String)>)> {
    let rank =
        |part: &String| [':', '*'].iter().position(|&marker| part.starts_with(marker)).map(|at| at + 1);
    let matching = patterns.iter().enumerate().filter_map(|(index, pattern)| {
        Some((pattern.iter().map(rank).collect::<Vec<_>>(), index, matched(pattern, path)?))
    });
    matching.min().map(|(_, index, params)| (index, params))
}

/// The parameters of a pattern that matches.
fn matched(pattern: &[String], path: &[&str]) -> Option<Vec<(String, String)>> {
    let mut params = Vec::new();
    for (at, part) in pattern.iter().enumerate() {
        let segment = path.get(at)?;
        if let Some(name) = part.strip_prefix('*') {
            params.push((name.to_owned(), path[at..].join("/")));
            return Some(params);
        }
        match part.strip_prefix(':') {
            Some(name) => params.push((name.to_owned(), (*segment).to_owned())),
            None if part == segment => {}
            None => return None,
        }
    }
    (pattern.len() == path.len()).then_some(params)
}

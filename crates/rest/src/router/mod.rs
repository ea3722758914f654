//! Finds the route of a request: a tree per method, and what to say when none has it.
//!
//! Knows methods and paths only; what a route does is its value's business.

mod path;
mod pattern;
mod tree;

use std::fmt;
use std::sync::Arc;

use http::Method;

use pattern::Pattern;
use tree::Tree;

/// Maps a method and a path to a route's value.
///
/// A lookup costs one hash per segment of the path, however many routes there are, plus what backtracking takes
/// where several patterns match the beginning of a path; it never visits a node of the tree twice.
pub(crate) struct Router<T> {
    /// One per method in use, sorted by name, which is the order of `Allow`.
    trees: Vec<(Method, Tree<T>)>,
}

impl<T> Router<T> {
    /// Creates a router without routes.
    pub(crate) fn new() -> Self {
        Self { trees: Vec::new() }
    }

    /// Adds a route; after an error the router is as before.
    ///
    /// `path` is made of segments: text, `:name` for any one segment, and as the last one `*name` for all that is left,
    /// at least one segment. It is written decoded (`/a b`, not `/a%20b`) and is cleaned as requests are.
    ///
    /// # Errors
    ///
    /// The method is not one of [`METHODS`], the path is malformed, or it matches exactly what an earlier one matches.
    pub(crate) fn add(&mut self, method: Method, path: &str, value: T) -> Result<(), RouteError> {
        let route = format!("{method} {path}");
        if !METHODS.contains(&method) {
            return Err(RouteError::Method { route });
        }
        let pattern = match Pattern::parse(path) {
            Ok(pattern) => pattern,
            Err(error) => return Err(error.of(route)),
        };
        let found = self.trees.binary_search_by(|(other, _)| other.as_str().cmp(method.as_str()));
        let at = found.unwrap_or_else(|at| {
            self.trees.insert(at, (method, Tree::new()));
            at
        });
        let (method, tree) = &mut self.trees[at];
        tree.insert(pattern, value)
            .map_err(|earlier| RouteError::Conflict { route, earlier: format!("{method} {earlier}") })
    }

    /// Finds the route of a request by its method and its path as it came, percent-encoded and not cleaned.
    ///
    /// Of several patterns that match, text goes before `:name`, and `:name` before `*name`, from left to right.
    pub(crate) fn find<'a>(&'a self, method: &Method, path: &str) -> Found<'a, T> {
        if !path.starts_with('/') {
            return Found::NotFound; // `OPTIONS *` and `CONNECT host:port`
        }
        let Some(segments) = path::segments(path) else {
            return Found::BadPath;
        };
        let own = self.trees.iter().find(|(own, _)| own == method);
        if let Some((value, params)) = own.and_then(|(_, tree)| tree.find(&segments)) {
            return Found::Route { value, params };
        }
        let others = self.trees.iter().filter(|(_, tree)| tree.has(&segments));
        let allow = others.map(|(other, _)| other.as_str()).collect::<Vec<_>>().join(", ");
        if allow.is_empty() {
            return Found::NotFound;
        }
        Found::MethodNotAllowed { allow }
    }
}

/// What [`Router::find`] found.
#[derive(Debug, PartialEq)]
#[expect(clippy::enum_variant_names, reason = "what 404 is called")]
pub(crate) enum Found<'a, T> {
    /// This route, with what its pattern's parameters stand for.
    Route { value: &'a T, params: Params },
    /// The path belongs to routes of other methods: the value of the `Allow` header.
    MethodNotAllowed { allow: String },
    /// No route has this path.
    NotFound,
    /// The path has a malformed percent-encoding, or is not UTF-8 when decoded.
    BadPath,
}

/// The parameters of a matched route, in the order of its pattern; one pair per name.
///
/// The values are decoded: a value may hold `/`, which came as `%2F`, and so also `..` between such.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Params {
    /// Shared with the route.
    names: Arc<[String]>,
    values: Vec<String>,
}

impl Params {
    /// Pairs names and values, which are as many.
    fn new(names: Arc<[String]>, values: Vec<String>) -> Self {
        debug_assert_eq!(names.len(), values.len(), "one value per name");
        Self { names, values }
    }

    /// Makes parameters without a router, for tests of what reads them.
    #[cfg(test)]
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
        Self::new(
            pairs.iter().map(|&(name, _)| name.to_owned()).collect(),
            pairs.iter().map(|&(_, value)| value.to_owned()).collect(),
        )
    }

    /// The number of parameters.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Goes through names and values.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.names.iter().map(String::as_str).zip(self.values.iter().map(String::as_str))
    }
}

/// A mistake in a route, found when it is added; the text names the route.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteError {
    /// The method is not one that routes can have.
    Method {
        /// The route, as in `TRACE /u`.
        route: String,
    },
    /// The path does not begin with a slash.
    NoSlash {
        /// The route, as in `GET u`.
        route: String,
    },
    /// A segment is `:` or `*` alone.
    EmptyName {
        /// The route, as in `GET /u/:`.
        route: String,
    },
    /// Two parameters of the path have one name.
    DuplicateName {
        /// The route, as in `GET /u/:id/:id`.
        route: String,
        /// The name, as in `id`.
        name: String,
    },
    /// Something follows a `*name`.
    CatchAllNotLast {
        /// The route, as in `GET /f/*path/info`.
        route: String,
    },
    /// The tokens that its group takes are not well chosen.
    Jwt {
        /// The first route of the group, as in `GET /u`.
        route: String,
        /// What is wrong, as in `no JWT algorithm`.
        reason: String,
    },
    /// The keys for its group's signatures are not well chosen.
    Signature {
        /// The first route of the group, as in `GET /u`.
        route: String,
        /// What is wrong, as in `a signature and no key`.
        reason: String,
    },
    /// An earlier route has the same method and matches the same paths.
    Conflict {
        /// The route, as in `GET /u/:name`.
        route: String,
        /// The route that was there before, as in `GET /u/:id`.
        earlier: String,
    },
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method { route } => {
                let methods = METHODS.each_ref().map(Method::as_str).join(", ");
                write!(f, "{route} has a method that routes cannot have, use one of {methods}")
            }
            Self::NoSlash { route } => write!(f, "{route} must have a path that begins with /"),
            Self::EmptyName { route } => write!(f, "{route} has a parameter without a name"),
            Self::DuplicateName { route, name } => {
                write!(f, "{route} has more than one parameter named {name}")
            }
            Self::CatchAllNotLast { route } => write!(f, "{route} must have its * parameter at the end"),
            Self::Jwt { route, reason } | Self::Signature { route, reason } => {
                write!(f, "{route} is in a group with {reason}")
            }
            Self::Conflict { route, earlier } => write!(f, "{route} conflicts with {earlier}"),
        }
    }
}

impl std::error::Error for RouteError {}

/// The methods that a route can have, go-zero's.
const METHODS: [Method; 7] =
    [Method::DELETE, Method::GET, Method::HEAD, Method::OPTIONS, Method::PATCH, Method::POST, Method::PUT];

#[cfg(test)]
mod tests;

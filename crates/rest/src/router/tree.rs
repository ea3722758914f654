//! The routes of one method, as a tree of segments.
//!
//! What a parameter is called is the leaf's business: `/u/:id/a` and `/u/:uid/b` share their nodes.

use std::borrow::Cow;
use std::collections::HashMap;

use super::Params;
use super::pattern::{Pattern, Segment};

/// A tree of patterns.
///
/// The nodes stand in one array and point to each other by index, so that a tree of any depth is searched and dropped
/// without recursion.
#[derive(Debug)]
pub(super) struct Tree<T> {
    nodes: Vec<Node>,
    leaves: Vec<Leaf<T>>,
}

/// What follows after the segments that lead here.
#[derive(Debug, Default)]
struct Node {
    texts: HashMap<String, NodeId>,
    param: Option<NodeId>,
    /// The route whose pattern has `*name` here.
    catch_all: Option<LeafId>,
    /// The route whose pattern ends here.
    end: Option<LeafId>,
}

/// A route.
#[derive(Debug)]
struct Leaf<T> {
    pattern: Pattern,
    value: T,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct NodeId(usize);

#[derive(Clone, Copy, Debug, PartialEq)]
struct LeafId(usize);

impl<T> Tree<T> {
    /// Creates a tree without routes.
    pub(super) fn new() -> Self {
        Self { nodes: vec![Node::default()], leaves: Vec::new() }
    }

    /// Adds a route, unless there is one with a pattern of the same shape: then returns that one's text.
    pub(super) fn insert(&mut self, pattern: Pattern, value: T) -> Result<(), String> {
        let leaf = LeafId(self.leaves.len());
        let mut node = ROOT;
        let mut catch_all = false;
        for segment in &pattern.segments {
            let new = NodeId(self.nodes.len());
            let here = &mut self.nodes[node.0];
            node = match segment {
                Segment::Text(text) => *here.texts.entry(text.clone()).or_insert(new),
                Segment::Param => *here.param.get_or_insert(new),
                Segment::CatchAll => {
                    catch_all = true;
                    break;
                }
            };
            if node == new {
                self.nodes.push(Node::default());
            }
        }
        let here = &mut self.nodes[node.0];
        let slot = if catch_all { &mut here.catch_all } else { &mut here.end };
        if let Some(earlier) = slot {
            return Err(self.leaves[earlier.0].pattern.text.clone());
        }
        *slot = Some(leaf);
        self.leaves.push(Leaf { pattern, value });
        Ok(())
    }

    /// Finds the route that these segments match best, with what its parameters stand for.
    pub(super) fn find(&self, segments: &[Cow<'_, str>]) -> Option<(&T, Params)> {
        let leaf = &self.leaves[self.search(segments, || {})?.0];
        Some((&leaf.value, leaf.pattern.params(segments)))
    }

    /// Says whether there is a route that these segments match.
    pub(super) fn has(&self, segments: &[Cow<'_, str>]) -> bool {
        self.search(segments, || {}).is_some()
    }

    /// Walks down, the best way first, and returns to the last untried one from a dead end.
    ///
    /// Calls `visit` for each node it comes to, which is at most once, as only one way leads to it. Only ways that exist
    /// are put aside, and what was matched is not recorded: the leaf tells afterwards.
    fn search(&self, segments: &[Cow<'_, str>], mut visit: impl FnMut()) -> Option<LeafId> {
        let mut untried = Vec::new();
        let mut next = Some(Way::Down { to: ROOT, depth: 0 });
        while let Some(way) = next {
            let (node, depth) = match way {
                Way::End(leaf) => return Some(leaf),
                Way::Down { to, depth } => (&self.nodes[to.0], depth),
            };
            visit();
            let Some(segment) = segments.get(depth) else {
                if node.end.is_some() {
                    return node.end;
                }
                next = untried.pop();
                continue;
            };
            let down = |to: &NodeId| Way::Down { to: *to, depth: depth + 1 };
            untried.extend(node.catch_all.map(Way::End));
            untried.extend(node.param.as_ref().map(down));
            next = node.texts.get(&**segment).map(down).or_else(|| untried.pop());
        }
        None
    }
}

impl Pattern {
    /// Takes the parameters out of the segments that this pattern matched.
    fn params(&self, segments: &[Cow<'_, str>]) -> Params {
        let mut values = Vec::with_capacity(self.names.len());
        for (at, segment) in self.segments.iter().enumerate() {
            match segment {
                Segment::Text(_) => {}
                Segment::Param => values.push(segments[at].clone().into_owned()),
                Segment::CatchAll => values.push(segments[at..].join("/")),
            }
        }
        Params::new(self.names.clone(), values)
    }
}

/// A step of the search.
enum Way {
    Down { to: NodeId, depth: usize },
    End(LeafId),
}

const ROOT: NodeId = NodeId(0);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::path::segments;

    /// A tree with these patterns, whose values are their positions.
    fn tree(patterns: impl IntoIterator<Item = impl AsRef<str>>) -> Tree<usize> {
        let mut tree = Tree::new();
        for (value, pattern) in patterns.into_iter().enumerate() {
            tree.insert(Pattern::parse(pattern.as_ref()).unwrap(), value).unwrap();
        }
        tree
    }

    fn visits(tree: &Tree<usize>, path: &str) -> usize {
        let mut visits = 0;
        tree.search(&segments(path).unwrap(), || visits += 1);
        visits
    }

    #[test]
    fn the_work_of_a_lookup_does_not_grow_with_the_number_of_siblings() {
        let few = tree((0..10).map(|n| format!("/api/item{n}/:id")));
        let many = tree((0..10_000).map(|n| format!("/api/item{n}/:id")));

        for path in ["/api/item9/1", "/api/item9", "/api/none/1"] {
            assert_eq!(visits(&few, path), visits(&many, path), "{path}");
        }
        assert_eq!(visits(&many, "/api/item9/1"), 4, "the root and one node per segment");
    }

    #[test]
    fn the_work_of_a_lookup_is_bounded_by_the_number_of_nodes() {
        // Each of these has a text and a parameter at each level, and all fail at the last segment.
        let depth = 10;
        let shapes = (0..1 << depth).map(|bits: u32| {
            let level = |at| {
                if bits >> at & 1 == 0 { "/a".to_owned() } else { format!("/:p{at}") }
            };
            (0..depth).map(level).chain(["/end".to_owned()]).collect::<String>()
        });
        let tree = tree(shapes);
        let miss = "/a".repeat(depth) + "/other";

        assert!(visits(&tree, &miss) <= tree.nodes.len(), "{} visits", visits(&tree, &miss));
        assert_eq!(visits(&tree, &"/a".repeat(depth + 2)), visits(&tree, &miss));
    }

    #[test]
    fn a_path_deeper_than_any_pattern_costs_no_more_than_the_tree() {
        let tree = tree(["/:a/:b", "/:a/x/y"]);

        assert!(visits(&tree, &"/x".repeat(10_000)) <= tree.nodes.len());
    }

    #[test]
    fn a_very_deep_tree_needs_no_stack() {
        let deep = "/x".repeat(100_000);
        let tree = tree([deep.clone() + "/*rest", "/*all".to_owned()]);

        let found = |path: &str| tree.search(&segments(path).unwrap(), || {});
        assert_eq!(found(&(deep.clone() + "/end")), Some(LeafId(0)));
        assert_eq!(found(&deep), Some(LeafId(1)));
    }
}

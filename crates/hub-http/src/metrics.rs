//! What a hub counts, among an engine's metrics.

mod page;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hub::{Hub, Message, Stats};
use rest::Metrics;
use rest::metrics::prometheus_client::collector::Collector;
use rest::metrics::prometheus_client::encoding::DescriptorEncoder;

/// Shows what this hub counts among the metrics of an engine: those of `docs/OPERATIONS.md`, "Hub metrics", with the label `hub`.
///
/// They are read when somebody asks for them, and cost nothing else. The hub is not kept alive: when it is gone, so are they. Of
/// several hubs of one name the first is shown.
pub fn observe<M: Message>(metrics: &Metrics, name: impl Into<String>, hub: &Hub<M>) {
    let hubs = metrics.of(|metrics| {
        let hubs = Hubs::default();
        metrics.register_collector(hubs.clone());
        hubs
    });
    let hub = hub.downgrade();
    let observed =
        Observed { name: name.into(), read: Box::new(move || hub.upgrade().map(|hub| hub.stats())) };
    let mut known = hubs.lock();
    known.retain(|hub| (hub.read)().is_some());
    if known.iter().all(|hub| hub.name != observed.name) {
        known.push(observed);
    }
}

/// The hubs of an engine.
#[derive(Clone, Default)]
struct Hubs(Arc<Mutex<Vec<Observed>>>);

struct Observed {
    name: String,
    read: Box<dyn Fn() -> Option<Stats> + Send + Sync>,
}

impl Hubs {
    fn lock(&self) -> MutexGuard<'_, Vec<Observed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for Hubs {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let hubs = self.lock();
        let stats: Vec<_> = hubs.iter().filter_map(|hub| Some((&*hub.name, (hub.read)()?))).collect();
        page::write(&stats, &mut encoder)
    }
}

impl fmt::Debug for Hubs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lock().iter().map(|hub| &hub.name)).finish()
    }
}

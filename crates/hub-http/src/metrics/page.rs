//! The metrics of hubs, one after another: their names, and what of the stats they show.

use std::fmt;
use std::ops::RangeInclusive;

use hub::{Histogram, Stats};
use rest::metrics::prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use rest::metrics::prometheus_client::metrics::MetricType;

pub(super) fn write(hubs: &[(&str, Stats)], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    if hubs.is_empty() {
        return Ok(());
    }
    let mut page = Page { hubs, encoder };

    page.gauge("hub_connections", "Clients that are connected", |it| it.clients)?;
    page.gauge("hub_users", "Users who are connected", |it| it.users)?;
    page.gauge("hub_topics", "Topics that there are", |it| it.topics)?;
    page.gauge("hub_subscriptions", "Members of topics", |it| it.members)?;
    page.gauge("hub_held_bytes", "What the messages in memory weigh", |it| it.held_bytes)?;
    page.gauge("hub_drain_remaining", "Clients that a drain has still to end", |it| it.drain_remaining)?;

    page.counter("hub_joins", "Joins", |it| it.joins)?;
    page.counters("hub_leaves", "Leaves, by their cause", "cause", |it| it.leaves.each().collect())?;
    page.counters("hub_recover", "Joins after a position, by what came of them", "result", |it| {
        it.recoveries.each().collect()
    })?;
    page.counter("hub_presence_damped", "Users who were cut off and returned in time", |it| {
        it.presence_damped
    })?;

    page.counter("hub_published", "Messages that were published", |it| it.published)?;
    page.counter("hub_duplicates", "Publications that were retries", |it| it.duplicates)?;
    page.counters("hub_delivered", "Messages given to members, by whom", "by", |it| {
        vec![("loop", it.delivered_by_loops), ("task", it.delivered_by_tasks)]
    })?;
    page.counter("hub_direct", "Messages said directly to clients", |it| it.direct)?;
    page.counters("hub_dropped", "Messages that members did not get", "policy", |it| {
        it.dropped.each().collect()
    })?;
    page.counters("hub_evicted", "Clients given up, by the limit", "cause", |it| {
        it.evicted.each().collect()
    })?;
    page.counters("hub_ended", "Clients ended for another reason", "cause", |it| it.ended.each().collect())?;

    let (seconds, messages, bytes) = ((NANOS, 10..=34), (1.0, 0..=20), (1.0, 8..=32));
    page.histogram("hub_fanout_seconds", "Time to tell a topic's members", &seconds, |it| &it.fanout_nanos)?;
    page.histogram("hub_loop_lag_seconds", "Time until a loop takes a publication", &seconds, |it| {
        &it.loop_lag_nanos
    })?;
    page.histogram("hub_queue_messages", "Messages not read by the slowest member", &messages, |it| {
        &it.queue_messages
    })?;
    page.histogram("hub_queue_bytes", "Bytes not read by the slowest member", &bytes, |it| &it.queue_bytes)?;

    page.loops("hub_command_queue_depth", "Commands that wait for a loop", MetricType::Gauge, |it, out| {
        out.encode_gauge(&i64::try_from(it.queued).unwrap_or(i64::MAX))
    })?;
    page.loops("hub_loop_busy_seconds", "Time spent telling members", MetricType::Counter, |it, out| {
        out.encode_counter::<NoLabelSet, _, f64>(&(it.busy_nanos as f64 * NANOS), None)
    })?;

    let clustered: Vec<_> = hubs.iter().filter(|(_, stats)| stats.backplane.is_some()).cloned().collect();
    backplane(&clustered, page.encoder)
}

/// Those of hubs that are one of several.
fn backplane(hubs: &[(&str, Stats)], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    if hubs.is_empty() {
        return Ok(());
    }
    let mut page = Page { hubs, encoder };
    let link = |it: &Stats| it.backplane.unwrap_or_default();
    page.gauge("hub_backplane_up", "Whether the cluster is reached", |it| link(it).up.into())?;
    page.seconds("hub_backplane_lag_seconds", "Time of the last probe", |it| link(it).lag_nanos)?;
    page.counter("hub_backplane_reconnects", "Connections made anew", |it| link(it).reconnects)?;
    page.counters("hub_backplane_dropped", "What did not pass, by why", "cause", |it| {
        vec![("overflowed", it.overflowed), ("undecodable", it.undecodable), ("unpublished", it.unpublished)]
    })?;
    page.counter("hub_backplane_repeated", "What was delivered twice", |it| it.repeated)?;
    page.counter("hub_backplane_repaired", "What was missing, and fetched", |it| it.repaired)?;
    page.counter("hub_backplane_gaps", "What was missing, and gone", |it| it.gaps)?;
    page.counter("hub_backplane_resets", "Topics numbered anew", |it| it.resets)
}

/// A page that is written: each metric once, with a line for each hub.
struct Page<'a, 'e, 'd> {
    hubs: &'a [(&'a str, Stats)],
    encoder: &'e mut DescriptorEncoder<'d>,
}

/// Of which unit a histogram's values are, and which powers of two have a bucket; every other one has.
type Scale = (f64, RangeInclusive<u32>);

impl Page<'_, '_, '_> {
    fn gauge(&mut self, name: &str, help: &str, value: impl Fn(&Stats) -> u64) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (hub, stats) in self.hubs {
            let value = i64::try_from(value(stats)).unwrap_or(i64::MAX);
            metric.encode_family(&[("hub", *hub)])?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn seconds(&mut self, name: &str, help: &str, nanos: impl Fn(&Stats) -> u64) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (hub, stats) in self.hubs {
            metric.encode_family(&[("hub", *hub)])?.encode_gauge(&(nanos(stats) as f64 * NANOS))?;
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Fn(&Stats) -> u64) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (hub, stats) in self.hubs {
            let labels = [("hub", *hub)];
            let mut metric = metric.encode_family(&labels)?;
            metric.encode_counter::<NoLabelSet, _, u64>(&value(stats), None)?;
        }
        Ok(())
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl Fn(&Stats) -> Vec<(&'static str, u64)>,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (hub, stats) in self.hubs {
            for (cause, value) in values(stats) {
                let labels = [("hub", *hub), (label, cause)];
                let mut metric = metric.encode_family(&labels)?;
                metric.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
            }
        }
        Ok(())
    }

    fn histogram(
        &mut self,
        name: &str,
        help: &str,
        scale: &Scale,
        values: impl Fn(&Stats) -> &Histogram,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (hub, stats) in self.hubs {
            let (values, sum) = (values(stats), values(stats).sum() as f64 * scale.0);
            let labels = [("hub", *hub)];
            let mut metric = metric.encode_family(&labels)?;
            metric.encode_histogram::<NoLabelSet>(sum, values.count(), &buckets(values, scale), None)?;
        }
        Ok(())
    }

    fn loops(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        value: impl Fn(&hub::LoopStats, &mut MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, kind)?;
        for (hub, stats) in self.hubs {
            for (number, of_loop) in stats.loops.iter().enumerate() {
                let labels = [("hub", *hub), ("loop", &number.to_string())];
                value(of_loop, &mut metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

/// How many values are in each bucket, and in none of those before it.
fn buckets(histogram: &Histogram, (unit, powers): &Scale) -> Vec<(f64, u64)> {
    let bounds: Vec<_> = powers.clone().step_by(2).map(|power| 1_u64 << power).collect();
    let below = histogram.buckets().filter(|(bound, _)| bounds.contains(bound));
    let mut seen = 0;
    let mut buckets: Vec<_> = below
        .map(|(bound, below)| (bound as f64 * unit, below - std::mem::replace(&mut seen, below)))
        .collect();
    buckets.push((f64::INFINITY, histogram.count() - seen));
    buckets
}

/// A nanosecond, in seconds.
const NANOS: f64 = 1e-9;

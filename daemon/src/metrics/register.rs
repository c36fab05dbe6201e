//! Series as the recorder of Prometheus has them.

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder as _, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};

use super::table::{ALL, Described, Form};

const METADATA: Metadata<'static> = Metadata::new("cutover", Level::INFO, None);

pub(super) fn recorder() -> PrometheusRecorder {
    let mut builder = PrometheusBuilder::new();
    for described in ALL {
        if let Form::Histogram(bounds) = described.form {
            // It refuses empty lists only, and ours are not.
            builder = builder
                .set_buckets_for_metric(Matcher::Full(described.name.to_owned()), bounds)
                .unwrap_or_default();
        }
    }
    let recorder = builder.build_recorder();
    for described in ALL {
        let (name, help) = (described.name.into(), described.help.into());
        let unit = match described.unit {
            "seconds" => Some(Unit::Seconds),
            "bytes" => Some(Unit::Bytes),
            _ => None,
        };
        match described.form {
            Form::Counter => recorder.describe_counter(name, unit, help),
            Form::Gauge => recorder.describe_gauge(name, unit, help),
            Form::Histogram(_) => recorder.describe_histogram(name, unit, help),
        }
    }
    recorder
}

fn key(of: &Described, labels: &[(&'static str, &str)]) -> Key {
    let labels: Vec<Label> =
        labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect();
    Key::from_parts(of.name, labels)
}

pub(super) fn counter(
    recorder: &PrometheusRecorder,
    of: &Described,
    labels: &[(&'static str, &str)],
) -> Counter {
    recorder.register_counter(&key(of, labels), &METADATA)
}

pub(super) fn gauge(recorder: &PrometheusRecorder, of: &Described) -> Gauge {
    labelled_gauge(recorder, of, &[])
}

pub(super) fn labelled_gauge(
    recorder: &PrometheusRecorder,
    of: &Described,
    labels: &[(&'static str, &str)],
) -> Gauge {
    recorder.register_gauge(&key(of, labels), &METADATA)
}

pub(super) fn histogram(
    recorder: &PrometheusRecorder,
    of: &Described,
    labels: &[(&'static str, &str)],
) -> Histogram {
    recorder.register_histogram(&key(of, labels), &METADATA)
}

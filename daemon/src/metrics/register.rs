//! Series as the recorder of Prometheus has them.

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder as _, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};

use super::table::{Described, Form, Values, all};

const METADATA: Metadata<'static> = Metadata::new("cutover", Level::INFO, None);

pub(super) fn recorder() -> PrometheusRecorder {
    let mut builder = PrometheusBuilder::new();
    for described in all() {
        if let Form::Histogram(bounds) = described.form {
            // It refuses empty lists only, and ours are not.
            builder = builder
                .set_buckets_for_metric(Matcher::Full(described.name.to_owned()), bounds)
                .unwrap_or_default();
        }
    }
    let recorder = builder.build_recorder();
    for described in all() {
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

/// What a metric's series are registered as.
pub(super) trait Register {
    /// `labels`: the values of the first ones, which are chosen already.
    fn register(recorder: &PrometheusRecorder, of: &Described, labels: &[Label]) -> Self;
}

fn key(of: &Described, labels: &[Label]) -> Key {
    Key::from_parts(of.name, labels.to_vec())
}

impl Register for Counter {
    fn register(recorder: &PrometheusRecorder, of: &Described, labels: &[Label]) -> Self {
        recorder.register_counter(&key(of, labels), &METADATA)
    }
}

impl Register for Gauge {
    fn register(recorder: &PrometheusRecorder, of: &Described, labels: &[Label]) -> Self {
        let gauge = recorder.register_gauge(&key(of, labels), &METADATA);
        // What was never told is not 0.
        gauge.set(f64::NAN);
        gauge
    }
}

impl Register for Histogram {
    fn register(recorder: &PrometheusRecorder, of: &Described, labels: &[Label]) -> Self {
        recorder.register_histogram(&key(of, labels), &METADATA)
    }
}

/// One for each word of the next label. There have to be as many.
impl<T: Register, const N: usize> Register for [T; N] {
    fn register(recorder: &PrometheusRecorder, of: &Described, labels: &[Label]) -> Self {
        let (name, values) = of.labels[labels.len()];
        let words = match values {
            Values::Words(words) => words,
            Values::Routes => &[],
        };
        std::array::from_fn(|at| {
            let own = [labels, &[Label::new(name, words[at])]].concat();
            T::register(recorder, of, &own)
        })
    }
}

/// Series whose first label's values come later.
pub(super) struct Later(Described);

impl Register for Later {
    fn register(_: &PrometheusRecorder, of: &Described, _: &[Label]) -> Self {
        Self(*of)
    }
}

impl Later {
    /// Those with this value.
    pub(super) fn of<T: Register>(&self, recorder: &PrometheusRecorder, value: &str) -> T {
        let (name, _) = self.0.labels[0];
        T::register(recorder, &self.0, &[Label::new(name, value.to_owned())])
    }
}

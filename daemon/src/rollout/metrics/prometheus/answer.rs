//! One value out of an answer of Prometheus' API for instant queries.

use serde::Deserialize;

/// The answer holds no single value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("the answer is none of Prometheus': {0}")]
    Form(String),
    #[error("Prometheus refused the query: {0}")]
    Refused(String),
    #[error("the query gives {0} series; sum() makes one of them")]
    Many(usize),
}

/// Letters of an answer that are repeated.
const SAID: usize = 200;

#[derive(Deserialize)]
struct Body {
    status: String,
    #[serde(default)]
    error: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Vector(Vec<Series>),
    Scalar(Point),
}

#[derive(Deserialize)]
struct Series {
    value: Point,
}

/// When, and the value as text.
#[derive(Deserialize)]
struct Point(#[expect(dead_code, reason = "its place counts")] f64, String);

/// The value; none for no series, and for one that is no number (a rate of nothing).
pub(super) fn read(bytes: &[u8]) -> Result<Option<f64>, Unfit> {
    let cut = |text: String| text.chars().take(SAID).collect::<String>();
    let body: Body = serde_json::from_slice(bytes).map_err(|error| Unfit::Form(cut(error.to_string())))?;
    if body.status != "success" {
        return Err(Unfit::Refused(cut(body.error)));
    }
    let point = match body.data {
        None => return Err(Unfit::Form("it has no data".to_owned())),
        Some(Data::Scalar(point)) => point,
        Some(Data::Vector(mut series)) => match (series.pop(), series.len()) {
            (None, _) => return Ok(None),
            (Some(one), 0) => one.value,
            (Some(_), others) => return Err(Unfit::Many(others + 1)),
        },
    };
    // `+Inf` and `-Inf` are numbers to the parser, and to whoever asks.
    let value: f64 = point.1.parse().map_err(|_| Unfit::Form(cut(format!("`{}` is no number", point.1))))?;
    Ok((!value.is_nan()).then_some(value))
}

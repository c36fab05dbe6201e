//! "Did you mean": the known name that is nearest to a written one.

/// Below this likeness (0 to 1) a suggestion confuses more than it helps.
const ALIKE: f64 = 0.82;

/// Longer names are hostile or pasted; comparing them costs time and helps nobody.
const LONGEST: usize = 100;

/// The candidate that is most like `written`, when one is alike enough.
pub fn nearest<'c>(written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if written.len() > LONGEST {
        return None;
    }
    let written = written.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&written, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

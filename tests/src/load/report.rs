//! A table of figures, some with a bar that they have to keep.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

/// What a figure has to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bar {
    /// Less than this.
    Below(f64),
    /// At least this.
    AtLeast(f64),
    /// Exactly this.
    Is(f64),
    /// It is only shown.
    None,
}

#[derive(Debug, Clone, PartialEq)]
struct Row {
    name: String,
    value: f64,
    unit: &'static str,
    bar: Bar,
}

/// Figures in the order in which they were taken.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report(Vec<Row>);

impl Bar {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::Below(most) => value < most,
            Self::AtLeast(least) => value >= least,
            Self::Is(only) => (value - only).abs() < f64::EPSILON,
            Self::None => true,
        }
    }
}

impl Report {
    /// Adds a figure.
    pub fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str, bar: Bar) {
        self.0.push(Row { name: name.into(), value, unit, bar });
    }

    /// Names of the figures that miss their bar.
    pub fn missed(&self) -> Vec<&str> {
        self.0.iter().filter(|row| !row.bar.holds(row.value)).map(|row| row.name.as_str()).collect()
    }
}

/// Writes what was measured, its figures and which bars they miss, or why there are none. A failure unless there are figures
/// and they keep every bar.
pub fn conclude<E: fmt::Display>(
    out: &mut impl Write,
    subject: &str,
    measured: Result<Report, E>,
) -> ExitCode {
    let report = match measured {
        Ok(report) => report,
        Err(error) => {
            let _ = writeln!(out, "no figures: {error}");
            return ExitCode::FAILURE;
        }
    };
    let missed = report.missed();
    let verdict = if missed.is_empty() {
        "every bar is kept".to_owned()
    } else {
        format!("missed: {}", missed.join(", "))
    };
    let _ = writeln!(out, "{subject}\n{report}{verdict}");
    if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widest = self.0.iter().map(|row| row.name.len()).max().unwrap_or(0);
        for Row { name, value, unit, bar } in &self.0 {
            let digits = if value.fract() == 0.0 || *value >= 1_000.0 { 0 } else { 2 };
            write!(f, "{name:widest$}  {value:>12.digits$} {unit:<8}")?;
            match bar {
                Bar::Below(most) => write!(f, "  bar < {most}")?,
                Bar::AtLeast(least) => write!(f, "  bar >= {least}")?,
                Bar::Is(only) => write!(f, "  bar = {only}")?,
                Bar::None => {}
            }
            writeln!(f, "{}", if bar.holds(*value) { "" } else { "   MISSED" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_misses_its_bar_or_keeps_it() {
        let mut report = Report::default();
        report.add("fast", 5_000.0, "items/s", Bar::AtLeast(5_000.0));
        report.add("slow", 4_999.0, "items/s", Bar::AtLeast(5_000.0));
        report.add("long", 1.0, "s", Bar::Below(1.0));
        report.add("odd", 2.0, "", Bar::Is(1.0));
        report.add("shown", 0.5, "", Bar::None);
        assert_eq!(report.missed(), ["slow", "long", "odd"]);
        let shown = report.to_string();
        assert_eq!(shown.lines().filter(|line| line.ends_with("MISSED")).count(), 3, "{shown}");
    }

    #[test]
    fn only_figures_that_keep_every_bar_are_a_success() {
        let said = |measured: Result<Report, &str>| {
            let mut out = Vec::new();
            let code = conclude(&mut out, "two rows", measured);
            (code == ExitCode::SUCCESS, String::from_utf8(out).unwrap())
        };
        let mut report = Report::default();
        report.add("fast", 2.0, "s", Bar::Below(3.0));
        let (kept, text) = said(Ok(report.clone()));
        assert!(kept && text == format!("two rows\n{report}every bar is kept\n"), "{text}");
        report.add("slow", 2.0, "s", Bar::Below(1.0));
        report.add("odd", 2.0, "", Bar::Is(1.0));
        let (kept, text) = said(Ok(report.clone()));
        assert!(!kept && text == format!("two rows\n{report}missed: slow, odd\n"), "{text}");
        assert_eq!(said(Err("no room")), (false, "no figures: no room\n".to_owned()));
    }
}

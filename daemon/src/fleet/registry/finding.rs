//! Findings on files.

use cutover_shared::fleet::LintFinding;

/// A mistake: no plan is made while it is there.
pub(super) fn mistake(
    file: &str,
    line: u32,
    rule: &str,
    message: impl Into<String>,
    help: impl Into<String>,
) -> LintFinding {
    LintFinding {
        file: file.to_owned(),
        line,
        rule: rule.to_owned(),
        mistake: true,
        message: message.into(),
        help: help.into(),
    }
}

/// A warning.
pub(super) fn warning(
    file: &str,
    line: u32,
    rule: &str,
    message: impl Into<String>,
    help: impl Into<String>,
) -> LintFinding {
    LintFinding { mistake: false, ..mistake(file, line, rule, message, help) }
}

/// By file, line and rule.
pub(super) fn sorted(mut findings: Vec<LintFinding>) -> Vec<LintFinding> {
    findings.sort_by(|a, b| (&a.file, a.line, &a.rule).cmp(&(&b.file, b.line, &b.rule)));
    findings.dedup();
    findings
}

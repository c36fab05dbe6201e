//! Lists of globs with `!`: the last that fits decides. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};

/// Most patterns of one list, and most bytes of one pattern.
const MOST: usize = 100;
const LONGEST: usize = 500;

/// Matchers that are kept for other rules.
const KEPT: usize = 20_000;

/// What a list's patterns are held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `*` stays within one part of a path; upper and lower case differ.
    Path,
    /// Upper and lower case are the same. `[` and `]` mean themselves, as in `dependabot[bot]`.
    Login,
    /// As a path, in any case.
    Repository,
}

/// Matchers by their pattern, so that rules that say the same share one.
#[derive(Debug, Default)]
pub(super) struct Matchers(HashMap<String, Arc<GlobMatcher>>);

#[derive(Clone, Debug)]
pub(super) enum Pattern {
    Any,
    Exact(String),
    Glob(Arc<GlobMatcher>),
}

/// A list of patterns.
#[derive(Clone, Debug)]
pub(super) struct Globs {
    shape: Shape,
    terms: Vec<(bool, Pattern)>,
}

/// Whether a pattern stands for more than itself.
pub(super) fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?', '[', ']', '{', '}', '\\'])
}

impl Globs {
    /// Understands a list.
    ///
    /// # Errors
    /// The place in the list, and what is wrong there.
    pub(super) fn new(
        shape: Shape,
        patterns: &[String],
        matchers: &mut Matchers,
    ) -> Result<Self, (usize, String)> {
        if patterns.len() > MOST {
            return Err((MOST, format!("more than {MOST} patterns")));
        }
        let mut terms = Vec::with_capacity(patterns.len());
        for (at, text) in patterns.iter().enumerate() {
            let (negated, text) = text.strip_prefix('!').map_or((false, text.as_str()), |rest| (true, rest));
            if text.is_empty() || text.len() > LONGEST {
                return Err((at, format!("a pattern has 1 to {LONGEST} bytes")));
            }
            if negated && at == 0 {
                return Err((
                    at,
                    "nothing stands before it that `!` could take back; begin with \"**\"".to_owned(),
                ));
            }
            terms.push((negated, pattern(shape, text, matchers).map_err(|what| (at, what))?));
        }
        Ok(Self { shape, terms })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The last pattern that fits takes it, or takes it back.
    pub(super) fn takes(&self, text: &str) -> bool {
        let text = self.shape.folded(text);
        let fits = |pattern: &Pattern| match pattern {
            Pattern::Any => true,
            Pattern::Exact(exact) => *exact == text,
            Pattern::Glob(glob) => glob.is_match(&text),
        };
        self.terms.iter().rev().find(|(_, pattern)| fits(pattern)).is_some_and(|(negated, _)| !negated)
    }
}

impl Shape {
    pub(super) fn folded(self, text: &str) -> String {
        match self {
            Self::Path => text.to_owned(),
            Self::Login | Self::Repository => text.to_ascii_lowercase(),
        }
    }
}

fn pattern(shape: Shape, text: &str, matchers: &mut Matchers) -> Result<Pattern, String> {
    let folded = shape.folded(text);
    if folded == "**" || (folded == "*" && shape != Shape::Path) {
        return Ok(Pattern::Any);
    }
    if !is_glob(&folded) || (shape == Shape::Login && !folded.contains(['*', '?'])) {
        return Ok(Pattern::Exact(folded));
    }
    let glob = match shape {
        Shape::Login => folded.replace('[', "\u{0}").replace(']', "[]]").replace('\u{0}', "[[]"),
        Shape::Path | Shape::Repository => folded,
    };
    if let Some(known) = matchers.0.get(&glob) {
        return Ok(Pattern::Glob(known.clone()));
    }
    let matcher = Arc::new(built(&glob)?.compile_matcher());
    if matchers.0.len() >= KEPT {
        matchers.0.clear();
    }
    matchers.0.insert(glob, matcher.clone());
    Ok(Pattern::Glob(matcher))
}

/// A glob as all lists read it.
pub(super) fn built(glob: &str) -> Result<globset::Glob, String> {
    GlobBuilder::new(glob)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map_err(|error| format!("this is no glob: {}", error.kind()))
}

//! Reads Rust source just well enough to know which modules a file names. Comments and literals are left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A file of a crate's `src`, without its tests.
pub struct Source {
    /// From the workspace's root, for people.
    pub place: String,
    /// The module that it is: `["mapping", "probe", "plan"]`; empty for `lib.rs` and `main.rs`.
    pub module: Vec<String>,
    /// Names and punctuation in their order.
    pub tokens: Vec<String>,
}

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file below `krate/src` that ships. Test files have their own freedom.
pub fn sources(krate: &str) -> Vec<Source> {
    let src = root().join(krate).join("src");
    let mut files = Vec::new();
    walk(&src, &mut files);
    files.sort();
    let sources = files.iter().map(|file| {
        let inner = file.strip_prefix(&src).unwrap();
        let mut module: Vec<String> =
            inner.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
            module.pop();
        }
        let place = format!("{krate}/src/{}", inner.display());
        Source { place, module, tokens: tokens(&without_test_modules(&fs::read_to_string(file).unwrap())) }
    });
    sources.collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if name != "tests" {
                walk(&path, files);
            }
        } else if name.ends_with(".rs") && name != "tests.rs" {
            files.push(path);
        }
    }
}

/// Drops what follows `#[cfg(test)] mod tests {`, which is the end of a file by our custom.
fn without_test_modules(text: &str) -> String {
    match text.find("#[cfg(test)]\nmod tests {") {
        Some(at) => text[..at].to_owned(),
        None => text.to_owned(),
    }
}

/// Names, `::` and single signs. Comments and the insides of literals are dropped.
pub fn tokens(text: &str) -> Vec<String> {
    let bytes: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let mut i = 0;
    while let Some(&c) = bytes.get(i) {
        let next = bytes.get(i + 1).copied().unwrap_or(' ');
        if c == '/' && next == '/' {
            while bytes.get(i).is_some_and(|c| *c != '\n') {
                i += 1;
            }
        } else if c == '/' && next == '*' {
            i += 2;
            while i < bytes.len() && !(bytes[i] == '*' && bytes.get(i + 1) == Some(&'/')) {
                i += 1;
            }
            i += 2;
        } else if c == 'r' && matches!(next, '"' | '#') && raw_string(&bytes, i).is_some() {
            i = raw_string(&bytes, i).unwrap();
        } else if c == '"' {
            i += 1;
            while bytes.get(i).is_some_and(|c| *c != '"') {
                i += if bytes[i] == '\\' { 2 } else { 1 };
            }
            i += 1;
        } else if c == '\'' {
            // A literal ends two places on, or holds an escape; anything else is a lifetime.
            if next == '\\' {
                i += 3;
                while bytes.get(i).is_some_and(|c| *c != '\'') {
                    i += 1;
                }
                i += 1;
            } else if bytes.get(i + 2) == Some(&'\'') {
                i += 3;
            } else {
                i += 1;
            }
        } else if c.is_alphanumeric() || c == '_' {
            let start = i;
            while bytes.get(i).is_some_and(|c| c.is_alphanumeric() || *c == '_') {
                i += 1;
            }
            out.push(bytes[start..i].iter().collect());
        } else if c == ':' && next == ':' {
            out.push("::".to_owned());
            i += 2;
        } else {
            if !c.is_whitespace() {
                out.push(c.to_string());
            }
            i += 1;
        }
    }
    out
}

/// Where a raw string that begins at `at` ends.
fn raw_string(text: &[char], at: usize) -> Option<usize> {
    let hashes = text[at + 1..].iter().take_while(|c| **c == '#').count();
    let mut i = at + 1 + hashes;
    if text.get(i) != Some(&'"') {
        return None;
    }
    loop {
        i += 1;
        match text.get(i) {
            None => return Some(text.len()),
            Some('"') if text[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes => {
                return Some(i + 1 + hashes);
            }
            Some(_) => {}
        }
    }
}

/// Every path of the file, from the crate's root, that begins with `crate`, `super`, `self` or one of `roots` (the
/// first as nothing, the last as themselves). `use` trees are spread out.
pub fn paths(source: &Source, roots: &[&str]) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    let tokens = &source.tokens;
    for (i, token) in tokens.iter().enumerate() {
        let begins = matches!(token.as_str(), "crate" | "super" | "self") || roots.contains(&token.as_str());
        // `pub(in crate::area)` says who may look in, and names nobody.
        let inside = i > 0 && matches!(tokens[i - 1].as_str(), "::" | "in");
        if begins && !inside && tokens.get(i + 1).is_some_and(|next| next == "::") {
            spread(tokens, i, &mut Vec::new(), &mut found);
        }
        // `use super::{..}` begins with a name; `use {a::b, c}` is not our style and rustfmt has no say in it.
        assert!(!(token == "use" && tokens.get(i + 1).is_some_and(|t| t == "{")), "{}: use {{", source.place);
    }
    found.into_iter().filter_map(|path| resolve(source, &path)).collect()
}

/// Reads a path or a tree at `i`; answers where it ends.
fn spread(
    tokens: &[String],
    mut i: usize,
    so_far: &mut Vec<String>,
    found: &mut BTreeSet<Vec<String>>,
) -> usize {
    let depth = so_far.len();
    loop {
        let Some(token) = tokens.get(i) else { break };
        if token == "{" {
            i += 1;
            while tokens.get(i).is_some_and(|token| token != "}") {
                i = spread(tokens, i, so_far, found);
                // An item of the tree may be renamed.
                if tokens.get(i).is_some_and(|token| token == "as") {
                    i += 2;
                }
                if tokens.get(i).is_some_and(|token| token == ",") {
                    i += 1;
                }
            }
            so_far.truncate(depth);
            return i + 1;
        }
        if !token.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '*') {
            break;
        }
        so_far.push(token.clone());
        i += 1;
        match tokens.get(i) {
            Some(next) if next == "::" => {
                // A turbofish ends the path.
                if tokens.get(i + 1).is_some_and(|token| token == "<") {
                    break;
                }
                i += 1;
            }
            _ => break,
        }
    }
    if so_far.len() > depth {
        found.insert(so_far.clone());
    } else {
        // Not a path: go on behind it.
        i += 1;
    }
    so_far.truncate(depth);
    i
}

/// From the crate's root. None for what leads nowhere, such as `self` alone.
fn resolve(source: &Source, path: &[String]) -> Option<Vec<String>> {
    let mut at = source.module.clone();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => {
            at.clear();
            rest = &path[1..];
        }
        "self" => rest = &path[1..],
        "super" => {
            while rest.first().is_some_and(|part| part == "super") {
                at.pop()?;
                rest = &rest[1..];
            }
        }
        _ => at.clear(),
    }
    at.extend(rest.iter().filter(|part| *part != "self").cloned());
    (!at.is_empty()).then_some(at)
}

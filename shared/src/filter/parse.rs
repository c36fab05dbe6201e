//! From text to terms.

use super::{Compare, Field, Fields, Filter, FilterError, Kind, Term, Test};

/// The longest filter; a longer one is a mistake.
const LONGEST: usize = 1000;

/// The most terms of a filter, and values of a term.
const MOST: usize = 32;

/// Understands `text` as a filter of a list. Fails at the first term that makes no sense.
pub fn parse(fields: &Fields, text: &str) -> Result<Filter, FilterError> {
    if text.len() > LONGEST {
        return Err(wrong(0, format!("a filter has at most {LONGEST} letters"), "say less"));
    }
    let mut filter = Filter::default();
    for (at, word) in words(text) {
        if filter.terms.len() == MOST {
            return Err(wrong(at, format!("a filter has at most {MOST} terms"), "say less"));
        }
        filter.terms.push(term(fields, at, &word)?);
    }
    Ok(filter)
}

fn wrong(at: usize, message: impl Into<String>, hint: impl Into<String>) -> FilterError {
    FilterError { at, message: message.into(), hint: hint.into() }
}

/// A word with its letters; quotes keep spaces and signs in it.
struct Word {
    letters: Vec<(char, bool)>,
}

impl Word {
    fn text(&self, from: usize) -> String {
        self.letters[from..].iter().map(|(c, _)| *c).collect()
    }
}

fn words(text: &str) -> Vec<(usize, Word)> {
    let (mut words, mut word, mut begin, mut quoted) = (Vec::new(), Word { letters: Vec::new() }, 0, false);
    let mut seen = false;
    for (at, c) in text.chars().enumerate() {
        if c == '"' {
            if !seen {
                begin = at;
            }
            (quoted, seen) = (!quoted, true);
        } else if c.is_whitespace() && !quoted {
            if !word.letters.is_empty() {
                words.push((begin, std::mem::replace(&mut word, Word { letters: Vec::new() })));
            }
            seen = false;
        } else {
            if !seen {
                (begin, seen) = (at, true);
            }
            word.letters.push((c, quoted));
        }
    }
    if !word.letters.is_empty() {
        words.push((begin, word));
    }
    words
}

fn term(fields: &Fields, at: usize, word: &Word) -> Result<Term, FilterError> {
    let bare = |i: usize| word.letters.get(i).filter(|(_, quoted)| !quoted).map(|(c, _)| *c);
    let negated = bare(0) == Some('!') && word.letters.len() > 1;
    let from = usize::from(negated);
    let sign = (from..word.letters.len()).find(|i| matches!(bare(*i), Some(':' | '<' | '>')));
    // `:` of a value that is no field's, as in `proj:owner/name`, is part of a name.
    let Some(sign) = sign else {
        return Ok(Term { field: None, test: Test::Contains(vec![word.text(from)]), negated });
    };
    let name: String = word.letters[from..sign].iter().map(|(c, _)| c.to_ascii_lowercase()).collect();
    let Some(field) = fields.find(&name) else {
        return Err(wrong(at, format!("{} have no `{name}`", fields.noun), known(fields)));
    };
    let (compare, from) = match (bare(sign), bare(sign + 1)) {
        (Some('<'), Some('=')) => (Some(Compare::AtMost), sign + 2),
        (Some('<'), _) => (Some(Compare::Less), sign + 1),
        (Some('>'), Some('=')) => (Some(Compare::AtLeast), sign + 2),
        (Some('>'), _) => (Some(Compare::More), sign + 1),
        _ => (None, sign + 1),
    };
    let value = word.text(from.min(word.letters.len()));
    if value.is_empty() {
        return Err(wrong(at, format!("`{name}` wants a value"), example(field)));
    }
    let test = match compare {
        Some(compare) => compared(field, compare, &value),
        None => listed(field, &value),
    };
    let test = test.ok_or_else(|| wrong(at, format!("`{value}` is no value of {name}"), example(field)))?;
    Ok(Term { field: Some(field.name), test, negated })
}

fn known(fields: &Fields) -> String {
    let names: Vec<&str> = fields.all.iter().map(|field| field.name).collect();
    format!("there are {}; a text with a sign in it goes between quotes", names.join(", "))
}

fn example(field: &Field) -> String {
    let name = field.name;
    match field.kind {
        Kind::Text => format!("write {name}:text"),
        Kind::Word(words) => format!("write {name}: and one of {}", words.join(", ")),
        Kind::Number => format!("write {name}:5, {name}>5 or {name}<=5"),
        Kind::Age => format!("write {name}>2h or {name}<30min (s, min, h, d)"),
        Kind::Flag => format!("write {name}:yes or {name}:no"),
    }
}

fn compared(field: &Field, compare: Compare, value: &str) -> Option<Test> {
    match field.kind {
        Kind::Number => value.parse().ok().map(|n| Test::Number(compare, n)),
        Kind::Age => age(value).map(|ms| Test::Age(compare, ms)),
        Kind::Text | Kind::Word(_) | Kind::Flag => None,
    }
}

fn listed(field: &Field, value: &str) -> Option<Test> {
    let values: Vec<&str> = value.split(',').filter(|value| !value.is_empty()).take(MOST + 1).collect();
    if values.is_empty() || values.len() > MOST {
        return None;
    }
    match field.kind {
        Kind::Text => Some(Test::Contains(values.into_iter().map(str::to_owned).collect())),
        Kind::Word(words) => {
            let one = |value: &&str| words.iter().copied().find(|word| word.eq_ignore_ascii_case(value));
            values.iter().map(one).collect::<Option<_>>().map(Test::OneOf)
        }
        Kind::Number => {
            values.iter().map(|value| value.parse().ok()).collect::<Option<_>>().map(Test::Equals)
        }
        // `age:2h` is what people write who mean the last two hours.
        Kind::Age => age(value).map(|ms| Test::Age(Compare::AtMost, ms)),
        Kind::Flag => match value {
            "yes" | "true" => Some(Test::Is(true)),
            "no" | "false" => Some(Test::Is(false)),
            _ => None,
        },
    }
}

/// Milliseconds of `90s`, `5min`, `2h`, `1d`.
fn age(text: &str) -> Option<i64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let count: i64 = text[..split].parse().ok()?;
    let unit: i64 = match &text[split..] {
        "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    count.checked_mul(unit)
}

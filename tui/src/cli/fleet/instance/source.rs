//! What a file or standard input says of databases. It holds passwords and keys: no message repeats any of it.

use cutover_shared::catalog::BadRow;
use cutover_shared::fleet::{DriverKind, Hidden, NewInstance, checked};
use cutover_shared::ids::TenantId;
use serde::Deserialize;

/// Rows whose mistakes are listed.
const LISTED: usize = 100;

/// An address, and the deploy key of a deployment over HTTP.
pub(super) struct Credential {
    pub url: Hidden,
    pub key: Option<Hidden>,
}

/// Reads one credential: the address on the first line and the key on the second, or `{"url", "key"}`.
pub(super) fn credential(text: &str) -> Result<Credential, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Written {
        url: String,
        #[serde(default)]
        key: Option<String>,
    }
    let text = text.trim();
    let (url, key) = if text.starts_with('{') {
        // The parser's own words would repeat what it met.
        let written: Written =
            serde_json::from_str(text).map_err(|_| "this is no JSON object of `url` and `key`".to_owned())?;
        (written.url, written.key)
    } else {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let url = lines.next().unwrap_or_default().to_owned();
        let key = lines.next().map(str::to_owned);
        if lines.next().is_some() {
            return Err("there are more than two lines".to_owned());
        }
        (url, key)
    };
    Ok(trimmed(&url, key.as_deref()))
}

/// Without the blanks around them.
fn trimmed(url: &str, key: Option<&str>) -> Credential {
    let key = key.map(str::trim).filter(|key| !key.is_empty());
    Credential { url: Hidden(url.trim().to_owned()), key: key.map(|key| Hidden(key.to_owned())) }
}

/// Mistakes of a file's rows; no more than a hundred are listed.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    pub bad: Vec<BadRow>,
    pub count: u64,
}

impl Mistakes {
    fn push(&mut self, line: u64, problem: String) {
        self.count += 1;
        if self.bad.len() < LISTED {
            self.bad.push(BadRow { line, column: String::new(), problem });
        }
    }
}

#[derive(Deserialize)]
struct Row {
    tenant: String,
    #[serde(default)]
    external_user: Option<String>,
    driver: String,
    url: String,
    #[serde(default)]
    key: Option<String>,
}

const COLUMNS: [&str; 5] = ["tenant", "external_user", "driver", "url", "key"];

/// Rows of CSV with a line of titles.
pub(super) fn csv(text: &str) -> Result<Vec<NewInstance>, Mistakes> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let (mut rows, mut mistakes) = (Vec::new(), Mistakes::default());
    let titles = match reader.headers() {
        Ok(titles) => titles.clone(),
        Err(_) => {
            mistakes.push(1, "this is no CSV".to_owned());
            return Err(mistakes);
        }
    };
    for needed in ["tenant", "driver", "url"] {
        if !titles.iter().any(|title| title == needed) {
            mistakes.push(1, format!("the column `{needed}` is missing"));
        }
    }
    // A title is no secret; a file without titles has an address in their place.
    if titles.iter().any(|title| !COLUMNS.contains(&title)) {
        mistakes.push(1, format!("a column is none of {}", COLUMNS.join(", ")));
    }
    if mistakes.count > 0 {
        return Err(mistakes);
    }
    let mut seen = std::collections::HashSet::new();
    let mut record = csv::StringRecord::new();
    loop {
        let begin = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                let line = record.position().map_or(begin, csv::Position::line);
                match record.deserialize::<Row>(Some(&titles)) {
                    Ok(row) => take(row, line, &mut seen, &mut rows, &mut mistakes),
                    Err(_) => mistakes.push(line, "the row can't be read".to_owned()),
                }
            }
            Err(error) => {
                let line = error.position().map_or(begin, csv::Position::line);
                mistakes.push(line, "the row has another number of columns, or is no UTF-8".to_owned());
            }
        }
    }
    if mistakes.count > 0 { Err(mistakes) } else { Ok(rows) }
}

/// Rows of JSON Lines.
pub(super) fn jsonl(text: &str) -> Result<Vec<NewInstance>, Mistakes> {
    let (mut rows, mut mistakes) = (Vec::new(), Mistakes::default());
    let mut seen = std::collections::HashSet::new();
    for (line, text) in (1_u64..).zip(text.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<Row>(text) {
            Ok(row) => take(row, line, &mut seen, &mut rows, &mut mistakes),
            Err(_) => {
                mistakes.push(line, "this is no JSON object with `tenant`, `driver` and `url`".to_owned());
            }
        }
    }
    if mistakes.count > 0 { Err(mistakes) } else { Ok(rows) }
}

fn take(
    row: Row,
    line: u64,
    seen: &mut std::collections::HashSet<String>,
    rows: &mut Vec<NewInstance>,
    mistakes: &mut Mistakes,
) {
    let Some(driver) = DriverKind::from_word(row.driver.trim()) else {
        return mistakes.push(line, "the driver is none of postgres, sqlite, http".to_owned());
    };
    if row.tenant.trim().is_empty() {
        return mistakes.push(line, "there is no tenant".to_owned());
    }
    if !seen.insert(row.tenant.trim().to_owned()) {
        return mistakes.push(line, "the tenant stands in an earlier row, too".to_owned());
    }
    let Credential { url, key } = trimmed(&row.url, row.key.as_deref());
    let row = NewInstance {
        tenant: TenantId(row.tenant.trim().to_owned()),
        external_user: row.external_user.map(|user| user.trim().to_owned()).filter(|user| !user.is_empty()),
        driver,
        url,
        key,
    };
    // By the daemon's own rule: what it refuses is refused here, before a part of the file is sent.
    match checked(&row) {
        Ok(_) => rows.push(row),
        Err(problem) => mistakes.push(line, problem.to_string()),
    }
}

#[cfg(test)]
mod tests;

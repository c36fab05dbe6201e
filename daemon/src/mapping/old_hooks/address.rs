//! Which webhooks are the old app's: those whose address begins with a configured one. Compared are scheme, host, port
//! and whole segments of the path, so that no other application's webhook is ever taken.

use http::Uri;

/// What the addresses of the old app's webhooks begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldAddress {
    origin: (String, String, u16),
    /// Without a slash at its end; empty for a whole host.
    path: String,
}

impl OldAddress {
    /// None for what is no plain `http` or `https` address.
    pub fn parse(text: &str) -> Option<Self> {
        let (origin, path) = parts(text)?;
        Some(Self { origin, path: path.trim_end_matches('/').to_owned() })
    }

    /// Whether a webhook with this address is the old app's. What can't be read is not.
    pub fn covers(&self, url: &str) -> bool {
        let Some((origin, path)) = parts(url) else { return false };
        // A segment that climbs could lead out of the configured path.
        let climbs = path
            .split('/')
            .any(|segment| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | ".."));
        let rest = path.strip_prefix(self.path.as_str());
        origin == self.origin && !climbs && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

fn parts(text: &str) -> Option<((String, String, u16), String)> {
    // Some readers take it for a slash.
    if text.contains('\\') {
        return None;
    }
    let uri: Uri = text.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let usual = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
    let port = match authority.port() {
        Some(port) => port.as_u16(),
        None => usual,
    };
    let host = authority.host().to_ascii_lowercase();
    Some(((scheme, host, port), uri.path().to_owned()))
}

#[cfg(test)]
mod tests;

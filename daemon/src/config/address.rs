//! What follows from GitHub's API address, and whether it may be spoken to in clear.

use http::Uri;

/// Where people click, for an API address that was checked.
pub(super) fn web_base(api_base: &str) -> String {
    let Some((scheme, authority)) = parts(api_base) else { return api_base.to_owned() };
    if let Some(host) = authority.strip_prefix("api.")
        && (host == "github.com" || host.ends_with(".ghe.com"))
    {
        return format!("{scheme}://{host}");
    }
    api_base.strip_suffix("/api/v3").unwrap_or(api_base).to_owned()
}

/// `github.com`, or the host (and port, if unusual) of the API.
pub(super) fn host_id(api_base: &str) -> String {
    let Some((scheme, authority)) = parts(api_base) else { return api_base.to_owned() };
    if authority == "api.github.com" {
        return "github.com".to_owned();
    }
    let usual = if scheme == "https" { ":443" } else { ":80" };
    authority.strip_suffix(usual).unwrap_or(&authority).to_owned()
}

/// Tokens would cross a network in clear.
pub(super) fn in_clear(address: &str) -> bool {
    let Ok(address) = address.parse::<Uri>() else { return false };
    let host = address.host().unwrap_or_default().trim_matches(['[', ']']);
    let here = host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    address.scheme_str() == Some("http") && !here
}

fn parts(address: &str) -> Option<(String, String)> {
    let address: Uri = address.parse().ok()?;
    Some((address.scheme_str()?.to_owned(), address.authority()?.as_str().to_ascii_lowercase()))
}

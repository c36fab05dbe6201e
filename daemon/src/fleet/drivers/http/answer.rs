//! What an answer means.

use cutover_shared::fleet::ErrorClass;
use cutover_shared::redact::redact;
use serde_json::Value;

use super::super::super::driver::StepError;
use crate::client::{Answered, ClientError};

/// The longest message of a function that is passed on, in characters.
const MOST: usize = 400;

/// What a deployment says of a function that it does not have.
const NO_FUNCTION: &str = "Could not find public function";

/// The code of an error that says so.
pub(super) const MISSING: &str = "no function";

/// No answer, or none that was read to its end.
pub(super) fn unanswered(error: &ClientError) -> StepError {
    match error {
        ClientError::TimedOut(patience) => {
            StepError::new(ErrorClass::TimeOut, format!("no answer within {} s", patience.as_secs()))
        }
        // The cause may name an address.
        ClientError::Broken(_) | ClientError::Setup(_) => {
            StepError::new(ErrorClass::Connection, "no connection, or it broke before the answer")
        }
        ClientError::TooLarge => StepError::new(ErrorClass::MigrationBug, "the answer is too long"),
    }
}

/// The value that a function of a deployment answered with.
pub(super) fn of_function(path: &str, answered: &Answered) -> Result<Value, StepError> {
    let body: Option<Value> = serde_json::from_slice(&answered.body).ok();
    let field = |name: &str| body.as_ref().and_then(|body| body.get(name));
    let status = field("status").and_then(Value::as_str);
    if answered.status < 300 && status == Some("success") {
        return Ok(field("value").cloned().unwrap_or(Value::Null));
    }
    let message = field("errorMessage").or(field("message")).and_then(Value::as_str);
    if message.is_some_and(|message| message.contains(NO_FUNCTION)) {
        return Err(no_function(path));
    }
    if status == Some("error") {
        let message = plain(message.unwrap_or("it does not say why"));
        return Err(StepError::new(ErrorClass::MigrationBug, format!("`{path}` failed: {message}")));
    }
    Err(of_status(answered.status).unwrap_or_else(|| {
        StepError::new(
            ErrorClass::Connection,
            format!("the answer to `{path}` is not a deployment's (HTTP {})", answered.status),
        )
        .coded(answered.status.to_string())
    }))
}

/// The body that a service answered with.
pub(super) fn of_service(answered: &Answered) -> Result<Value, StepError> {
    match of_status(answered.status) {
        Some(error) => Err(error),
        None => Ok(serde_json::from_slice(&answered.body).unwrap_or(Value::Null)),
    }
}

/// What a status that is none of success means.
pub(super) fn of_status(status: u16) -> Option<StepError> {
    let (class, text) = match status {
        200..300 => return None,
        401 | 403 => (ErrorClass::Connection, "the key is not accepted"),
        404 => (ErrorClass::SchemaMismatch, "it is not there: deploy again"),
        408 | 504 => (ErrorClass::TimeOut, "the other side gave up waiting"),
        429 => (ErrorClass::Connection, "too many calls at once"),
        500..600 => (ErrorClass::Connection, "the other side is out of order"),
        300..=399 => (ErrorClass::Connection, "it sends us elsewhere, and a key is meant for one place"),
        _ => (ErrorClass::MigrationBug, "the call was refused"),
    };
    Some(StepError::new(class, format!("{text} (HTTP {status})")).coded(status.to_string()))
}

/// The function is not deployed.
pub(super) fn no_function(path: &str) -> StepError {
    StepError::new(ErrorClass::SchemaMismatch, format!("there is no function `{path}`: deploy again"))
        .coded(MISSING)
}

/// A message without what differs from call to call.
fn plain(message: &str) -> String {
    let mut rest = message;
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once("[Request ID: ") {
        text.push_str(before);
        rest = after.split_once(']').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    redact(&text).chars().take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> Answered {
        Answered { status, headers: http::HeaderMap::new(), body: body.to_owned().into() }
    }

    #[test]
    fn a_function_that_fails_is_not_a_deployment_that_can_not_be_reached() {
        let of = |status, body| of_function("m:f", &answered(status, body));
        assert_eq!(of(200, r#"{"status":"success","value":{"version":3}}"#).unwrap()["version"], 3);
        let failed = of(
            560,
            r#"{"status":"error","errorMessage":"[Request ID: 8f] Server Error\nUncaught Error: no"}"#,
        );
        let failed = failed.unwrap_err();
        assert_eq!(
            (failed.class, &*failed.text),
            (ErrorClass::MigrationBug, "`m:f` failed: Server Error Uncaught Error: no")
        );
        for (status, body, class) in [
            (
                200,
                r#"{"status":"error","errorMessage":"Could not find public function for 'm:f'"}"#,
                ErrorClass::SchemaMismatch,
            ),
            (404, "", ErrorClass::SchemaMismatch),
            (401, "{}", ErrorClass::Connection),
            (403, "", ErrorClass::Connection),
            (502, "<html>", ErrorClass::Connection),
            (302, "", ErrorClass::Connection),
            (200, "<html>", ErrorClass::Connection),
            (504, "", ErrorClass::TimeOut),
            (422, "", ErrorClass::MigrationBug),
        ] {
            assert_eq!(of(status, body).unwrap_err().class, class, "{status} {body}");
        }
    }
}

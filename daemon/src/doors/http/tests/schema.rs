//! Holds answers against `tests/data/ofrep/*.json`: the part of JSON Schema that those use, and a panic at any other word of it.

use std::path::Path;

use serde_json::Value;

/// What is wrong with a value, by the schema of this file.
pub fn check(file: &str, value: &Value) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/ofrep").join(file);
    let schema = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    hold(&schema, value, file)
}

fn hold(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{at}: {what}: {value}"));
    for (word, rule) in schema.as_object().unwrap() {
        match word.as_str() {
            "title" => {}
            "$ref" => check(rule.as_str().unwrap(), value)?,
            "type" => {
                let one = |name: &Value| is_a(name.as_str().unwrap(), value);
                if !rule.as_array().map_or_else(|| one(rule), |names| names.iter().any(one)) {
                    return wrong(&format!("is no {rule}"));
                }
            }
            "enum" if !rule.as_array().unwrap().contains(value) => {
                return wrong(&format!("is none of {rule}"));
            }
            "enum" => {}
            "minLength" => {
                if value.as_str().is_some_and(|text| (text.len() as u64) < rule.as_u64().unwrap()) {
                    return wrong("is too short");
                }
            }
            "required" => {
                let missing =
                    rule.as_array().unwrap().iter().find(|name| value.get(name.as_str().unwrap()).is_none());
                if let Some(name) = missing {
                    return wrong(&format!("lacks {name}"));
                }
            }
            "properties" | "additionalProperties" => {}
            "items" => {
                for (n, one) in value.as_array().into_iter().flatten().enumerate() {
                    hold(rule, one, &format!("{at}/{n}"))?;
                }
            }
            "anyOf" => {
                let all: Vec<_> = rule.as_array().unwrap().iter().map(|one| hold(one, value, at)).collect();
                if all.iter().all(Result::is_err) {
                    return wrong(&format!("fits nothing: {all:?}"));
                }
            }
            other => panic!("{at}: this reader does not know `{other}`"),
        }
    }
    for (name, one) in value.as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        match (schema.get("properties").and_then(|of| of.get(name)), schema.get("additionalProperties")) {
            (Some(rule), _) => hold(rule, one, &at)?,
            (None, Some(Value::Bool(false))) => return Err(format!("{at}: should not be there")),
            (None, Some(rule)) => hold(rule, one, &at)?,
            (None, None) => {}
        }
    }
    Ok(())
}

fn is_a(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("no type: {other}"),
    }
}

#[test]
fn the_reader_finds_what_is_wrong() {
    let good = serde_json::json!({ "key": "k", "errorCode": "GENERAL", "errorDetails": "x" });
    assert_eq!(check("failure.json", &good), Ok(()));
    for (name, bad) in
        [("key", 1.into()), ("errorCode", "OTHER".into()), ("errorDetails", "".into()), ("more", true.into())]
    {
        let mut value = good.clone();
        value[name] = bad;
        assert!(check("failure.json", &value).is_err(), "{value}");
    }
    let mut lacking = good.clone();
    lacking.as_object_mut().unwrap().remove("errorDetails");
    assert!(check("failure.json", &lacking).is_err());
    assert!(check("bulk.json", &serde_json::json!({ "flags": [{}], "eventStreams": [] })).is_err());
}

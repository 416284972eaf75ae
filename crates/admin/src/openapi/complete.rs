//! The parts of the OpenAPI document that apply to every call: both forms of each response, and the
//! schemas of parameters.
//!
//! Handlers describe their responses once, as JSON. Here the other form is added, and problems get their
//! own media type (RFC 9457), so that a client generated from the document understands both.

use serde_json::{Map, Value, json};

const NAME: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";
/// A level, or levels of modules, separated by commas.
const LEVELS: &str = "^((admin|control|journal|peer|proxy|teal)(::[a-z0-9_]{1,32}){0,4}=)?\
                      (off|error|warn|info|debug|trace)\
                      (,((admin|control|journal|peer|proxy|teal)(::[a-z0-9_]{1,32}){0,4}=)?\
                      (off|error|warn|info|debug|trace)){0,9}$";
/// From 1 ms to 720 h, larger units first.
const DURATION: &str = "^(([1-9][0-9]?|[1-6][0-9]{2}|7[01][0-9])h([1-5]?[0-9]m)?([1-5]?[0-9]s)?\
                        ([0-9]{1,3}ms)?|[1-9][0-9]{0,3}m([1-5]?[0-9]s)?([0-9]{1,3}ms)?|\
                        [1-9][0-9]{0,4}s([0-9]{1,3}ms)?|[1-9][0-9]{0,6}ms)$";

/// Completes a document that was generated from the handlers.
pub(super) fn complete(document: &mut Value) {
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        if let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) {
            for parameter in parameters.iter_mut() {
                if let Some(schema) = parameter["name"].as_str().and_then(schema) {
                    parameter["schema"] = schema;
                }
            }
            one_of_service_and_group(parameters);
        }
        if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
            answers(responses);
        }
    }
}

/// Merges two parameters of which a call takes at most one. OpenAPI can express that only for the members
/// of an object, which in a query are separate parameters (`style: form`, `explode`).
fn one_of_service_and_group(parameters: &mut Vec<Value>) {
    let of_them =
        |parameter: &Value| ["service", "group"].map(Value::from).contains(&parameter["name"]);
    let Some(first) = parameters.iter().position(of_them) else { return };
    if !parameters.iter().any(|parameter| parameter["name"] == "group") {
        return;
    }
    let mut members = Map::new();
    for parameter in parameters.iter().filter(|parameter| of_them(parameter)) {
        let mut member = parameter["schema"].clone();
        member["description"] = parameter["description"].clone();
        members.insert(parameter["name"].as_str().unwrap_or_default().to_owned(), member);
    }
    parameters.retain(|parameter| !of_them(parameter));
    let schema = json!({
        "type": "object", "properties": members, "additionalProperties": false, "maxProperties": 1,
    });
    parameters.insert(
        first,
        json!({
            "name": "moved", "in": "query", "style": "form", "explode": true, "required": false,
            "description": "`service=NAME` or `group=NAME`: the service or group to move", "schema": schema,
        }),
    );
}

fn schema(parameter: &str) -> Option<Value> {
    let pattern = |pattern: &str| Some(json!({ "type": "string", "pattern": pattern }));
    match parameter {
        "service" | "group" | "name" => pattern(NAME),
        "wait_healthy" | "drain" | "max_wait" | "for" => pattern(DURATION),
        "wait" => Some(json!({ "type": "string", "enum": ["drained", "published"] })),
        "level" => pattern(LEVELS),
        "header" => pattern("^[!#$%&'*+.^_`|~A-Za-z0-9-]+=.{0,1024}$"),
        "id" | "after" => pattern("^[0-9]{1,19}$"),
        "client" => pattern("^[0-9A-Fa-f.:]{2,45}$"),
        "path" => pattern("^/[^?]{0,1023}$"),
        "version" => pattern("^[A-Za-z0-9._:/@+~][A-Za-z0-9._:/@+~-]{0,127}$"),
        "message" | "reason" => pattern(r"^[^\x00-\x1f\x7f-\x9f]{1,500}$"),
        "allow" => pattern("^[0-9A-Fa-f.:/]{2,43}( *, *[0-9A-Fa-f.:/]{2,43})*$"),
        "step" => Some(json!({ "type": "integer", "enum": [1, 10] })),
        "last" => pattern("^([1-9][0-9]{0,2}|[12][0-9]{3}|3[0-5][0-9]{2}|3600)$"),
        "count" => pattern("^([1-9][0-9]{0,2}|1000)$"),
        "dry_run" | "problems" | "all" => Some(json!({ "type": "boolean" })),
        "If-Match" => pattern("^\"[0-9]{1,19}\"$"),
        "Last-Event-ID" => pattern("^[0-9]{1,19}(-[A-Za-z0-9-]{1,64})?$"),
        "generation" => Some(json!({
            "type": "string", "pattern": "^([0-9]{1,19}|latest)$", "examples": ["latest"],
        })),
        _ => None,
    }
}

fn answers(responses: &mut Map<String, Value>) {
    for (status, refused) in [("4XX", "Refused"), ("5XX", "Teal could not answer")] {
        let class = &status[..1];
        let is_described = match class {
            "5" => responses.contains_key(status),
            _ => responses.keys().any(|known| known.starts_with(class)),
        };
        if !is_described {
            let content = json!({ "application/json": { "schema": problem() } });
            let answer = json!({ "description": refused, "content": content });
            responses.insert(status.to_owned(), answer);
        }
    }
    for answer in responses.values_mut() {
        let Some(content) = answer.get_mut("content").and_then(Value::as_object_mut) else {
            continue;
        };
        if let Some(of_stream) = content.get_mut("text/event-stream") {
            *of_stream = json!({ "schema": sent(&of_stream["schema"]) });
        }
        let Some(of_json) = content.get("application/json").cloned() else { continue };
        if of_json.get("schema").is_none_or(|schema| *schema == problem()) {
            if of_json.get("schema").is_none() {
                continue; // always JSON, whatever `Accept` says
            }
            content.remove("application/json");
            content.insert("application/problem+json".to_owned(), of_json);
        }
        content.insert("text/plain".to_owned(), json!({ "schema": { "type": "string" } }));
    }
}

/// The schema of one event of a stream (before OpenAPI 3.2, `schema` describes a single event): its fields,
/// of which `data` is JSON.
fn sent(data: &Value) -> Value {
    if data["$ref"] == "#/components/schemas/TraceStep" {
        let ended = json!({
            "type": "object", "required": ["requests", "reason"], "properties": {
                "requests": { "type": "integer" },
                "reason": { "type": "string", "enum": ["done", "time", "stopping"] },
            },
        });
        return json!({
            "type": "object",
            "required": ["event", "data"],
            "properties": {
                "event": { "type": "string", "enum": ["step", "ended"] },
                "data": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": { "anyOf": [data, ended] },
                },
            },
        });
    }
    let missed = json!({
        "type": "object", "required": ["missed"], "properties": { "missed": { "type": "integer" } },
    });
    let restarted = json!({ "type": "object", "maxProperties": 0 });
    json!({
        "type": "object",
        "required": ["event", "data"],
        "properties": {
            "id": { "type": "string", "description": "Absent for `missed` and `restarted`" },
            "event": { "type": "string", "description": "The kind of the event, or `missed` or `restarted`" },
            "data": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": { "anyOf": [data, missed, restarted] },
            },
        },
    })
}

fn problem() -> Value {
    json!({ "$ref": "#/components/schemas/ProblemDocument" })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    #[test]
    fn r43_every_refusal_is_a_problem_document_or_text_and_every_parameter_has_a_schema() {
        let document: Value = serde_json::from_str(&crate::openapi_document()).expect("it is JSON");
        let paths = document["paths"].as_object().expect("paths");
        let mut calls = 0;
        for (path, operations) in paths {
            for (method, operation) in operations.as_object().expect("operations") {
                calls += 1;
                for (status, answer) in operation["responses"].as_object().expect("answers") {
                    let content = answer["content"].as_object();
                    if status.starts_with(['4', '5']) {
                        let kinds: Vec<_> = content.into_iter().flat_map(|c| c.keys()).collect();
                        let both = ["application/problem+json", "text/plain"];
                        assert_eq!(kinds, both, "{method} {path} {status}");
                    }
                }
                for class in ["4", "5XX"] {
                    let answers = operation["responses"].as_object().expect("answers");
                    assert!(answers.keys().any(|s| s.starts_with(class)), "{method} {path}");
                }
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    let schema = &parameter["schema"];
                    let one = std::slice::from_ref(schema).iter();
                    let members = schema["properties"].as_object().into_iter().flatten();
                    let all: Vec<_> = match schema.get("properties") {
                        Some(_) => members.map(|(_, member)| member).collect(),
                        None => one.collect(),
                    };
                    let bounds = ["pattern", "enum", "$ref"];
                    let bounded = |one: &&Value| {
                        one["type"] == "boolean" || bounds.iter().any(|key| one.get(key).is_some())
                    };
                    assert!(all.iter().all(bounded), "{method} {path}: {parameter}");
                }
            }
        }
        assert!(calls > 10);
        let status = &paths["/admin/status"]["get"]["responses"]["200"]["content"];
        assert!(status["text/plain"].is_object() && status["application/json"].is_object());
        let events = &paths["/admin/events"]["get"]["responses"]["200"]["content"];
        let data = &events["text/event-stream"]["schema"]["properties"]["data"]["contentSchema"];
        assert_eq!(data["anyOf"][0]["$ref"], "#/components/schemas/Event");
    }

    #[test]
    fn r43_a_move_takes_a_service_or_a_group_and_never_both() {
        let document: Value = serde_json::from_str(&crate::openapi_document()).expect("it is JSON");
        for path in ["/admin/switch", "/admin/rollback"] {
            let parameters = document["paths"][path]["post"]["parameters"].as_array();
            let parameters = parameters.expect("parameters");
            let moved = parameters.iter().find(|one| one["name"] == "moved").expect("one of two");
            assert_eq!(moved["schema"]["maxProperties"], 1, "{path}");
            let members = moved["schema"]["properties"].as_object().expect("members");
            assert!(members.keys().eq(["group", "service"]), "{path}: {moved}");
            assert!(!parameters.iter().any(|one| one["name"] == "service"), "{path}");
        }
    }
}

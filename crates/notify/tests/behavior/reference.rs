//! Messages verified by the reference implementation of Standard Webhooks for Node.js.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::endpoint::{Endpoint, OK};
use crate::setup::{Running, SECRET, directory, switch, table};

/// Verifies the message on standard input and prints its body.
const VERIFY: &str = r#"
const { Webhook } = require("standardwebhooks");
const { secret, body, headers } = JSON.parse(require("fs").readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(new Webhook(secret).verify(body, headers)));
"#;

#[tokio::test]
async fn the_reference_implementation_verifies_messages_and_finds_changed_ones() {
    let modules = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../node/node_modules");
    assert!(modules.exists(), "run .ci/tools test, which installs standardwebhooks");
    let (directory, endpoint) = (directory(), Endpoint::start(|_| Some(OK)).await);
    let running = Running::start(directory.path(), &table("ops", endpoint.port));
    running.tell(switch(7));
    let message = endpoint.has_received(1).await.remove(0);
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers = headers.map(|name| (name, message.field(name).expect("signed")));
    let headers: serde_json::Map<_, _> =
        headers.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let verify = async |body: &str, secret: &str| {
        let input = json!({ "secret": secret, "body": body, "headers": headers }).to_string();
        let mut node = Command::new("node");
        node.args(["-e", VERIFY]).env("NODE_PATH", &modules).kill_on_drop(true);
        node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut node = node.spawn().expect("node is installed");
        let mut stdin = node.stdin.take().expect("piped");
        stdin.write_all(input.as_bytes()).await.expect("written");
        drop(stdin);
        let ended = timeout(Duration::from_secs(30), node.wait_with_output()).await;
        ended.expect("in time").expect("it ran")
    };
    let verified = verify(&message.body, SECRET).await;
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let read: serde_json::Value = serde_json::from_slice(&verified.stdout).expect("JSON");
    assert_eq!(read, message.json());
    let changed = verify(&message.body.replace("switch 7", "switch 8"), SECRET).await;
    assert!(!changed.status.success(), "the body is signed");
    let other = format!("whsec_{}", "A".repeat(32));
    assert!(!verify(&message.body, &other).await.status.success(), "by this secret");
}

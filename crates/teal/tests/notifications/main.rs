//! Notifications of a real Teal: nothing waits for them, no decision is lost by a crash or an upgrade, no secret is shown.

mod endpoint;
mod never_in_the_way;
mod operators;
mod survival;

use testkit::{Settings, Target};

use endpoint::Endpoint;

/// The program under test.
const TEAL: &str = env!("CARGO_BIN_EXE_teal");

/// A part of the secret, and of the path of the URL, that nothing may show.
const SECRETS: [&str; 2] = ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "hunter2"];

/// The table of an endpoint on this port.
fn table(name: &str, port: u16) -> String {
    let [secret, path] = SECRETS;
    format!(
        "[[notify]]\nname = \"{name}\"\nurl = \"http://127.0.0.1:{port}/{path}\"\nsecret = \"whsec_{secret}\"\n"
    )
}

/// Two colors, and a service on them with these endpoints.
fn service(tables: &str) -> (Target, Target, Settings) {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let settings = Settings::new(&blue, &green).extra(tables);
    (blue, green, settings)
}

//! The usual setup: a blue and a green target, and a Teal in front of them.

use std::thread;
use std::time::Duration;

use testkit::{Behavior, CliResult, Client, Gate, Load, Settings, Target, Teal};

use crate::TEAL;

/// For what should happen at once, on a busy machine too.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// Two targets and a Teal that finds both healthy.
pub(crate) struct Setup {
    pub(crate) blue: Target,
    pub(crate) green: Target,
    pub(crate) teal: Teal,
}

impl Setup {
    /// The usual settings.
    pub(crate) fn new() -> Self {
        Setup::with(|settings| settings)
    }

    /// The usual settings, adjusted.
    pub(crate) fn with(adjust: impl FnOnce(Settings) -> Settings) -> Self {
        let (blue, green) = (Target::start("blue"), Target::start("green"));
        let settings = adjust(Settings::new(&blue, &green));
        let teal = Teal::start_healthy(TEAL, &settings);
        Setup { blue, green, teal }
    }

    /// The settings for these two targets.
    pub(crate) fn settings(&self) -> Settings {
        Settings::new(&self.blue, &self.green)
    }

    /// A client of the public listener.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.teal.listener())
    }

    /// The target that answers a new client now.
    pub(crate) fn who(&self) -> String {
        let answer = self.client().get("/who");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.fields.get("x-target").expect("a target answered").to_owned()
    }

    /// The target of a color.
    pub(crate) fn target(&self, color: &str) -> &Target {
        if color == "blue" { &self.blue } else { &self.green }
    }

    /// A request that is in flight on blue until the gate opens.
    pub(crate) fn held_on_blue(&self) -> (Client, Gate) {
        let gate = Gate::new();
        self.blue.behave_at("/held", Behavior::Held(gate.clone()));
        let before = self.blue.seen().requests_to("/held").len();
        let mut client = self.client();
        client.send("GET /held HTTP/1.1\r\nHost: test\r\n\r\n");
        testkit::wait_until(SOON, "the request is in flight on blue", || {
            self.blue.seen().requests_to("/held").len() > before
        });
        (client, gate)
    }

    /// Checks what must hold at the end of every test: the books balance (L8), and the targets
    /// received nothing but well-formed requests.
    pub(crate) fn finish(self) {
        self.teal.assert_books_balance();
        self.blue.assert_well_formed();
        self.green.assert_well_formed();
    }
}

/// Moves the load to green and back, five times: it goes nowhere else.
pub(crate) fn switch_ten_times(teal: &Teal, load: &Load) {
    for to in ["green", "blue"].into_iter().cycle().take(10) {
        load.expect_anyone();
        teal.switch_to(to);
        load.expect_only(to);
        load.wait_for_more(100);
    }
}

/// Runs a command line beside the test; the result comes by `join`.
pub(crate) fn beside(teal: &Teal, arguments: &[&str]) -> thread::JoinHandle<CliResult> {
    let admin = format!("http://{}", teal.admin());
    let token = teal.token();
    let program = teal.program().to_owned();
    let mut arguments = arguments.iter().map(ToString::to_string).collect::<Vec<_>>();
    arguments.extend(["--admin".to_owned(), admin]);
    thread::spawn(move || {
        testkit::run(&program, arguments, &[("TEAL_TOKEN", &token)], Duration::from_secs(60))
    })
}

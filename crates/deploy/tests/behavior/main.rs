//! The steps of a deploy against a scripted Teal and a scripted runner, by scenario.

mod after_the_switch;
mod before_the_switch;
mod doubt;
mod groups;
mod interrupts;
mod resuming;
mod retiring;
mod rolling_back;
mod script;
mod sweeping;
mod told;

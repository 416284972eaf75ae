//! Ports that something listens on already.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use crate::answer::Answers;

/// Warnings of targets on loopback that something serves already. Nothing stays open.
pub fn in_use(answers: &Answers) -> Vec<String> {
    let addresses = answers.targets.iter().filter_map(|target| {
        let authority = target.split_once("://")?.1;
        authority.trim_end_matches('/').parse::<SocketAddr>().ok()
    });
    let taken = addresses.filter(|address| {
        let bound = || TcpListener::bind(address);
        address.ip().is_loopback() && bound().is_err_and(|why| why.kind() == ErrorKind::AddrInUse)
    });
    let service = &answers.service;
    taken
        .map(|address| {
            format!("{address} is in use; if that is not {service}, stop it or choose another port")
        })
        .collect()
}

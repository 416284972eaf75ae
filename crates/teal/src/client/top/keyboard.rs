//! The keys that are typed, read by a thread: reading a terminal blocks.

use std::io::stdin;
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read};
use tokio::sync::mpsc;
use top::{Key, Keys};

/// The time after which an escape byte is the key Escape: a sequence arrives faster, over ssh too.
const ESCAPE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// The longest wait at once.
const LONGEST: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Reads keys until the terminal is gone or nobody receives them any more.
pub(super) fn keys() -> mpsc::Receiver<Key> {
    let (sender, receiver) = mpsc::channel(64);
    thread::spawn(move || forward(&sender));
    receiver
}

fn forward(sender: &mpsc::Sender<Key>) {
    let (input, mut keys, mut bytes) = (stdin(), Keys::default(), [0; 256]);
    while !sender.is_closed() {
        let wait = if keys.is_unfinished() { ESCAPE } else { LONGEST };
        let typed = match poll(&mut [PollFd::new(&input, PollFlags::IN)], Some(&wait)) {
            Ok(0) => keys.settle().into_iter().collect(),
            Ok(_) => match read(&input, &mut bytes) {
                Ok(count @ 1..) => keys.read(&bytes[..count]),
                Ok(0) | Err(_) => return, // the terminal is gone
            },
            Err(Errno::INTR) => Vec::new(),
            Err(_) => return,
        };
        for key in typed {
            if sender.blocking_send(key).is_err() {
                return;
            }
        }
    }
}

//! Ctrl-C: it asks what runs to come to an end with what there is. Of a command a second one ends the process; at a
//! prompt, where there is a program to lose, it takes two more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::console::Console;

/// Exit code after an interrupt, as shells have it.
pub const INTERRUPTED: u8 = 130;

/// A flag that the first Ctrl-C sets.
pub fn stop_flag(console: Console) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    let pressed = move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(INTERRUPTED));
        }
        if !console.for_script() {
            console.note("\nodp: ending with what there is; Ctrl-C again ends at once");
        }
    };
    // Where no handler can be had, Ctrl-C ends the process as it always does.
    let _ = ctrlc::set_handler(pressed);
    stop
}

/// Ctrl-C at a prompt: one flag for all that runs, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Interrupts {
    stop: Arc<AtomicBool>,
    running: Arc<AtomicBool>,
    presses: Arc<AtomicUsize>,
}

impl Interrupts {
    /// Listens from now on. `idle_ends` says whether Ctrl-C ends the process while nothing runs.
    pub fn listen(console: Console, idle_ends: bool) -> Interrupts {
        let all = Interrupts::default();
        let own = all.clone();
        let _ = ctrlc::set_handler(move || own.pressed(console, idle_ends));
        all
    }

    fn pressed(&self, console: Console, idle_ends: bool) {
        let end = || std::process::exit(i32::from(INTERRUPTED));
        if !self.running.load(Ordering::SeqCst) {
            if idle_ends {
                end();
            }
            return;
        }
        self.stop.store(true, Ordering::SeqCst);
        match self.presses.fetch_add(1, Ordering::SeqCst) {
            0 => console.note("\nodp: ending with what there is; Ctrl-C twice more ends odp"),
            1 => {}
            _ => end(),
        }
    }

    /// Runs something that looks at the flag.
    pub fn during<T>(&self, work: impl FnOnce(&Arc<AtomicBool>) -> T) -> T {
        self.stop.store(false, Ordering::SeqCst);
        self.presses.store(0, Ordering::SeqCst);
        self.running.store(true, Ordering::SeqCst);
        let done = work(&self.stop);
        self.running.store(false, Ordering::SeqCst);
        done
    }
}

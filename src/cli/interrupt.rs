//! Ctrl-C: the first one asks the run to come to an end with what there is, the second one ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::INTERRUPTED;
use super::console::Console;

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

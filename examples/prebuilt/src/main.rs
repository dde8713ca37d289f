//! An orchestrator in Rust, of the standard library alone: it tells systemd that it is ready (sd_notify(3)).

use std::io::Result;
use std::os::unix::net::UnixDatagram;

fn main() -> Result<()> {
    if let Some(socket) = std::env::var_os("NOTIFY_SOCKET") {
        UnixDatagram::unbound()?.send_to(b"READY=1", socket)?;
    }
    println!("hello from Rust");
    Ok(())
}

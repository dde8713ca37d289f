"""Stage `lock`: `debian.toml` → `debian.lock.json`, what apt would install, verified and pinned."""
